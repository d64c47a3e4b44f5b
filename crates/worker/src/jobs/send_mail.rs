//! Sends one mail of the installation itself.

use postroad_app::{
    mail::{self, Sent, Taking},
    secrets::SecretError,
};
use postroad_core::jobs::SendMail;

use super::{Ctx, Done, Failure, Handle};

impl Handle for SendMail {
    async fn run(self, ctx: Ctx) -> Result<Done, Failure> {
        let letter = match mail::take(&ctx.app, self.mail).await.map_err(unopened)? {
            Taking::Letter(letter) => letter,
            Taking::Resting { until } => return Ok(Done::Snoozed { until }),
            Taking::Over => return Ok(Done::Skipped { why: "the mail is not to be sent any more" }),
        };
        let sent = match &ctx.post {
            Some(post) => post.send(&letter).await,
            None => Sent::Later("the worker has no mail server: set POSTROAD_SMTP_URL there too".to_owned()),
        };
        crash_point!("after_mail");
        let refused = matches!(sent, Sent::Refused(_));
        match mail::settle(&ctx.app, &letter, sent).await? {
            Some(until) => return Ok(Done::Snoozed { until }),
            None if refused => {
                tracing::warn!(mail.id = %letter.id, "a mail was refused; `postroad users mails` says why");
            }
            None => {}
        }
        Ok(Done::Completed)
    }
}

fn unopened(error: SecretError) -> Failure {
    match error {
        SecretError::Store(error) => error.into(),
        error => Failure::Retry(error.into()),
    }
}
