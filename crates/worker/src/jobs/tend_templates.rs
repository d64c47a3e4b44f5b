//! Templates at their providers: submitted, deleted, listed.
//!
//! A run may follow one that died after its call, so each looks at the provider first and does only what is not done yet.

use std::time::Duration;

use chrono::TimeDelta;
use postroad_app::{
    accounts::{self, AccountError},
    templates::{
        Template, TemplateError, listing,
        review::{self, Answer, Task},
    },
};
use postroad_core::{
    ids::{AccountId, TemplateId, TenantId},
    jobs::TendTemplates,
    limits::{TEMPLATE_PAGES_MAX, TEMPLATE_PAGES_PER_JOB},
    provider::desk::{Listed, Standing, Submission},
    template::TemplateStatus,
};

use super::{Ctx, Done, Failure, Handle, quotas};
use crate::desk::{Desk, Trouble};

impl Handle for TendTemplates {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        match self {
            Self::Submit { tenant, template, submission, .. } => submit(&ctx, tenant, template, submission).await,
            Self::Remove { tenant, template, .. } => remove(&ctx, tenant, template).await,
            Self::List { tenant, account, began, page, after } => {
                Listing { tenant, account, began }.walk(&ctx, page, after).await
            }
        }
    }
}

async fn submit(ctx: &Ctx, tenant: TenantId, id: TemplateId, submission: i32) -> Result<Done, Failure> {
    let Some(task) = review::to_submit(&ctx.app, tenant, id, submission).await? else {
        return Ok(Done::Skipped { why: "the submission has its answer" });
    };
    let answer = match place(ctx, tenant, &task).await {
        Ok(standing) => Answer::Has(standing),
        Err(Trouble::Refused(words) | Trouble::Taken(words) | Trouble::Missing(words)) => Answer::Refused(words),
        Err(Trouble::Later { words, after }) => return put_off(ctx, tenant, &task, words, after).await,
    };
    review::answer(&ctx.app, tenant, id, submission, answer).await.map_err(failed)?;
    Ok(Done::Completed)
}

fn failed(error: TemplateError) -> Failure {
    match error {
        TemplateError::Store(error) => error.into(),
        other => Failure::Retry(other.into()),
    }
}

/// Sees to it that the provider has the template, and tells where it stands.
async fn place(ctx: &Ctx, tenant: TenantId, task: &Task) -> Result<Standing, Trouble> {
    let desk = Desk::open(ctx, tenant, &task.account).await?;
    let template = &task.template;
    if let Some(found) = desk.find(&template.name, &template.language).await? {
        return meet(&desk, template, found).await;
    }
    crash_point!("before_template");
    let created = desk.create(&text_of(template)).await;
    crash_point!("after_template");
    match created {
        // Somebody was faster, or the list was behind.
        Err(Trouble::Taken(words)) => match desk.find(&template.name, &template.language).await? {
            Some(found) => meet(&desk, template, found).await,
            None => Err(Trouble::Refused(words)),
        },
        other => other,
    }
}

/// What the provider has already: what we want it to have, an older text of ours, or somebody else's.
async fn meet(desk: &Desk, template: &Template, found: Listed) -> Result<Standing, Trouble> {
    let is_ours = template.provider_ref.as_deref() == Some(found.standing.provider_ref.as_str());
    let is_current = says_the_same(template, &found);
    let is_rejected = found.standing.status == Some(TemplateStatus::Rejected);
    if is_current && !(is_ours && is_rejected) {
        return Ok(found.standing);
    }
    if !is_ours {
        return Err(Trouble::Refused(format!(
            "the provider has another text under this name in this language ({}); take another name, or list the \
             account's templates and edit that one",
            found.standing.provider_ref
        )));
    }
    desk.edit(&found.standing.provider_ref, &text_of(template)).await?;
    Ok(Standing { status: Some(TemplateStatus::Submitted), reason: None, ..found.standing })
}

fn says_the_same(template: &Template, found: &Listed) -> bool {
    let same = |text: &str| text.trim() == template.body.trim();
    found.text.as_ref().is_some_and(|text| same(&text.body) && text.parts.reads_as(&template.parts))
}

const fn text_of(template: &Template) -> Submission<'_> {
    Submission {
        name: template.name.as_str(),
        language: template.language.as_str(),
        category: template.category,
        body: template.body.as_str(),
        parts: &template.parts,
    }
}

/// The row says why; a time that the provider names costs no attempt.
async fn put_off(
    ctx: &Ctx,
    tenant: TenantId,
    task: &Task,
    words: String,
    after: Option<Duration>,
) -> Result<Done, Failure> {
    review::note(&ctx.app, tenant, task, &words).await?;
    later(ctx, words, after)
}

pub(super) fn later(ctx: &Ctx, words: String, after: Option<Duration>) -> Result<Done, Failure> {
    match after.and_then(|after| TimeDelta::from_std(after).ok()) {
        Some(after) => Ok(Done::Snoozed { until: ctx.app.clock.now() + after }),
        None => Err(Failure::Retry(words.into())),
    }
}

async fn remove(ctx: &Ctx, tenant: TenantId, id: TemplateId) -> Result<Done, Failure> {
    let Some(task) = review::to_remove(&ctx.app, tenant, id).await? else {
        return Ok(Done::Skipped { why: "the provider does not have it any more" });
    };
    match take_away(ctx, tenant, &task).await {
        Ok(()) | Err(Trouble::Missing(_)) => review::removed(&ctx.app, tenant, id).await?,
        // The row says so, and the next listing asks again.
        Err(Trouble::Refused(words) | Trouble::Taken(words)) => {
            review::note(&ctx.app, tenant, &task, &words).await?;
        }
        Err(Trouble::Later { words, after }) => return put_off(ctx, tenant, &task, words, after).await,
    }
    Ok(Done::Completed)
}

/// One that came after ours under the same name stays.
async fn take_away(ctx: &Ctx, tenant: TenantId, task: &Task) -> Result<(), Trouble> {
    let desk = Desk::open(ctx, tenant, &task.account).await?;
    let template = &task.template;
    let Some(found) = desk.find(&template.name, &template.language).await? else { return Ok(()) };
    let is_ours = template.provider_ref.as_ref().is_none_or(|ours| *ours == found.standing.provider_ref);
    if is_ours { desk.remove(&template.name, &found.standing.provider_ref).await } else { Ok(()) }
}

struct Listing {
    tenant: TenantId,
    account: AccountId,
    /// Unix seconds.
    began: i64,
}

impl Listing {
    /// Some pages, and the job of the next ones; or the end.
    async fn walk(&self, ctx: &Ctx, mut page: u32, mut after: Option<String>) -> Result<Done, Failure> {
        let account = match accounts::get(&ctx.app, self.tenant, self.account).await {
            Ok(account) => account,
            Err(AccountError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(Done::Skipped { why: "the account is gone" }),
        };
        let desk = match Desk::open(ctx, self.tenant, &account).await {
            Ok(desk) => desk,
            Err(trouble) => return self.put_off(ctx, trouble),
        };
        if page == 0 {
            self.learn_quota(ctx, &desk).await;
        }
        for _ in 0..TEMPLATE_PAGES_PER_JOB {
            let listed = match desk.page(None, after.as_deref()).await {
                Ok(listed) => listed,
                Err(trouble) => return self.put_off(ctx, trouble),
            };
            let learnt = listing::learn(&ctx.app, self.tenant, self.account, &listed.templates).await?;
            tracing::debug!(account.id = %self.account, page, ?learnt, "a page of the provider's templates was read");
            (after, page) = (listed.next, page + 1);
            if after.is_none() {
                let gone = listing::end(&ctx.app, self.tenant, self.account, self.began).await?;
                tracing::debug!(account.id = %self.account, gone, "the provider's templates were listed");
                return Ok(Done::Completed);
            }
        }
        self.go_on(ctx, page, after).await
    }

    /// While the desk is open: how many people the portfolio may write to. Without an answer the next listing asks again.
    async fn learn_quota(&self, ctx: &Ctx, desk: &Desk) {
        if let Err(trouble) = quotas::learn(ctx, self.tenant, self.account, desk).await {
            tracing::warn!(account.id = %self.account, error = %trouble, "the provider does not tell the portfolio's limit");
        }
    }

    async fn go_on(&self, ctx: &Ctx, page: u32, after: Option<String>) -> Result<Done, Failure> {
        if page >= TEMPLATE_PAGES_MAX {
            return Err(Failure::GiveUp("the provider's list of templates has no end".into()));
        }
        let Self { tenant, account, began } = *self;
        listing::go_on(&ctx.app, &TendTemplates::List { tenant, account, began, page, after }).await?;
        Ok(Done::Completed)
    }

    fn put_off(&self, ctx: &Ctx, trouble: Trouble) -> Result<Done, Failure> {
        match trouble {
            Trouble::Later { words, after } => later(ctx, words, after),
            other => {
                tracing::warn!(account.id = %self.account, error = %other, "the provider does not list its templates");
                Ok(Done::Completed)
            }
        }
    }
}
