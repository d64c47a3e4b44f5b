//! Who may act: people, tenants, API clients; and the endpoints that tenants are told at.

use postroad_app::examine::{Examined, KEYS_ENDING_WITHIN, KEYS_UNUSED_FOR};

use super::Check;

pub(super) fn checks(examined: &Examined) -> Vec<Check> {
    vec![
        sign_in(examined),
        owners(examined),
        paused(examined),
        ending(examined),
        unused(examined),
        off(examined),
        failing(examined),
    ]
}

fn sign_in(examined: &Examined) -> Check {
    const ID: &str = "people.sign_in";
    match examined.standing.people {
        0 => Check::warning(
            ID,
            "nobody can sign in, and whoever signs up first owns a tenant",
            "sign up yourself before others reach the API, or `postroad users create`",
        ),
        people => Check::ok(ID, format!("{people} people can sign in")),
    }
}

fn owners(examined: &Examined) -> Check {
    const ID: &str = "people.owners";
    let (ownerless, tenants) = (examined.standing.ownerless, examined.standing.tenants);
    match (ownerless, examined.standing.people) {
        (0, _) => Check::ok(ID, format!("each of {tenants} tenants has an owner who can sign in")),
        (_, 0) => Check::skipped(ID, "nobody signs in here"),
        _ => Check::warning(
            ID,
            format!("{ownerless} of {tenants} tenants have no owner who can sign in"),
            "`postroad users create … --tenant …`, if people are to work there; programs need none",
        ),
    }
}

fn paused(examined: &Examined) -> Check {
    const ID: &str = "tenants.paused";
    match examined.standing.tenants_paused {
        0 => Check::ok(ID, "no tenant is paused"),
        count => Check::warning(
            ID,
            format!("{count} tenants are paused"),
            "`postroad tenants list` tells which and why; `postroad resume tenant` lets one send again",
        ),
    }
}

fn ending(examined: &Examined) -> Check {
    const ID: &str = "keys.ending";
    let days = KEYS_ENDING_WITHIN.num_days();
    match examined.standing.keys_ending {
        0 => Check::ok(ID, format!("no key of an API client ends within {days} days")),
        count => Check::warning(
            ID,
            format!("{count} keys of API clients end within {days} days"),
            "`postroad keys list` tells which; make the next one, change over, then let the former end",
        ),
    }
}

fn unused(examined: &Examined) -> Check {
    const ID: &str = "keys.unused";
    let days = KEYS_UNUSED_FOR.num_days();
    match examined.standing.keys_unused {
        0 => Check::ok(ID, format!("every key was used within {days} days")),
        count => Check::warning(
            ID,
            format!("{count} keys open the door, and nobody used them for {days} days"),
            "`postroad keys list` tells which; `postroad keys revoke` those that nobody needs",
        ),
    }
}

fn off(examined: &Examined) -> Check {
    const ID: &str = "endpoints.off";
    match examined.standing.endpoints_off {
        0 => Check::ok(ID, "no endpoint was switched off by itself"),
        count => Check::warning(
            ID,
            format!("{count} endpoints answered that they are gone, and are off"),
            "their tenants correct the address and switch them on, or take them away",
        ),
    }
}

fn failing(examined: &Examined) -> Check {
    const ID: &str = "endpoints.failing";
    match examined.standing.endpoints_failing {
        0 => Check::ok(ID, "every endpoint that is on takes what it is told"),
        count => Check::warning(
            ID,
            format!("{count} endpoints do not take what they are told"),
            "`GET /v1/webhook-endpoints/{id}/deliveries` tells their answers; each delivery is tried for three days",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, sound};

    type Change = fn(&mut Examined);

    #[test]
    fn doors_that_nobody_watches_are_told() {
        assert!(checks(&sound()).iter().all(|check| check.verdict == Verdict::Ok));
        let cases: [(&str, Change); 7] = [
            ("people.sign_in", |it| it.standing.people = 0),
            ("people.owners", |it| it.standing.ownerless = 1),
            ("tenants.paused", |it| it.standing.tenants_paused = 1),
            ("keys.ending", |it| it.standing.keys_ending = 1),
            ("keys.unused", |it| it.standing.keys_unused = 1),
            ("endpoints.off", |it| it.standing.endpoints_off = 1),
            ("endpoints.failing", |it| it.standing.endpoints_failing = 1),
        ];
        for (id, change) in cases {
            let mut examined = sound();
            change(&mut examined);
            let warned: Vec<&str> = checks(&examined)
                .iter()
                .filter(|check| check.verdict == Verdict::Warning)
                .map(|check| check.id)
                .collect();
            assert_eq!(warned, [id]);
        }
    }
}
