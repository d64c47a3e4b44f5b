//! When a queue is looked at again.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use tokio::time::{Interval, MissedTickBehavior};

/// Wakes the queue's worker again and again, `every` so often.
///
/// The interval that comes with apalis 1.0 leaves nobody waiting for the next tick when one is due: if that coincides with
/// the answer to a look that took longer than a tick, nobody looks again until the next heartbeat, seconds later.
pub(crate) struct Steady {
    every: Duration,
    ticks: Option<Interval>,
}

impl Steady {
    pub(crate) const fn new(every: Duration) -> Self {
        Self { every, ticks: None }
    }
}

impl PollStrategy for Steady {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let every = self.every;
        let ticks = self.ticks.get_or_insert_with(|| {
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        let mut is_due = false;
        // Only who is told "not yet" is woken.
        while ticks.poll_tick(cx).is_ready() {
            is_due = true;
        }
        if is_due { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Looks until a tick was due so often. Nobody else wakes the task: it hangs if a look at a due tick is not followed by
    /// a wake for the next.
    async fn ticks(steady: &mut Steady, count: u32) {
        let mut due = 0;
        poll_fn(|cx| {
            due += u32::from(steady.poll_drive(cx, &PollSnapshot::new()).is_ready());
            if due < count { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_looks_when_a_tick_is_due_is_woken_for_the_next() {
        ticks(&mut Steady::new(Duration::from_millis(5)), 20).await;
    }

    #[tokio::test]
    async fn missed_ticks_are_not_made_up_for() {
        let mut steady = Steady::new(Duration::from_secs(1));
        ticks(&mut steady, 1).await;
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let due = poll_fn(|cx| Poll::Ready([(); 3].map(|()| steady.poll_drive(cx, &PollSnapshot::new()).is_ready())));
        assert_eq!(due.await, [true, false, false]);
    }
}
