//! Fetches one file at its provider, over the one transport. Holds no database connection.
//!
//! Where the file is may be asked first. Redirects are followed without the credentials, and only to servers that prove who
//! they are.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use postroad_app::{
    accounts,
    media::{Fetched, Trouble},
};
use postroad_core::{
    limits::FETCH_REDIRECTS_MAX,
    media::{MediaLoss, MediaRefusal, bytes_max},
    provider::{
        BuildError, Connection,
        media::{MediaDesk, MediaFault, Way, same_server},
    },
};
use postroad_store::media::Taken;

use crate::{Wire, jobs::Ctx, transport::TOO_LONG};

/// Fetches what was taken.
pub(crate) async fn fetch(ctx: &Ctx, taken: &Taken) -> Result<Fetched, Trouble> {
    let errand = Errand::open(ctx, taken).await?;
    let media_ref = taken.provider_ref.as_deref().ok_or_else(|| lost("the file has no name at the provider"))?;
    let way = AssertUnwindSafe(|| errand.desk.way(&errand.connection, media_ref));
    let request = match catch_unwind(way).map_err(|_| lost("the adapter panicked"))?.map_err(|error| unbuilt(&error))? {
        Way::Fetch(request) => request,
        Way::Ask(request) => errand.ask(request).await?,
    };
    errand.follow(request).await
}

/// What fetching one file needs.
struct Errand<'a> {
    ctx: &'a Ctx,
    desk: &'static dyn MediaDesk,
    connection: Connection,
    bytes_max: usize,
}

impl<'a> Errand<'a> {
    /// Opens the account's secrets.
    async fn open(ctx: &'a Ctx, taken: &Taken) -> Result<Self, Trouble> {
        let name = taken.provider.as_deref().unwrap_or_default();
        let provider = postroad_providers::find(name);
        let (Some(provider), Some(desk)) = (provider, provider.and_then(|provider| provider.media())) else {
            return Err(lost(&format!("{name} gives no files")));
        };
        let account = taken.account.ok_or_else(|| lost("the account is gone"))?;
        let opened = accounts::credentials(&ctx.app, &[(taken.tenant, account)]).await?.pop();
        let credentials = match opened {
            Some((_, Ok(credentials))) => credentials,
            Some((_, Err(error))) => return Err(Trouble::later(MediaLoss::NoAccount, error.to_string())),
            None => return Err(lost("the account is gone")),
        };
        let stand_in = ctx.base_urls.get(name).cloned();
        let connection = Connection {
            external_id: taken.external_id.clone().unwrap_or_default(),
            base_url: stand_in.unwrap_or_else(|| provider.base_url().to_owned()),
            public_url: ctx.app.public_url.to_string(),
            credentials,
        };
        Ok(Self { ctx, desk, connection, bytes_max: bytes_max(taken.channel, taken.kind) })
    }

    /// Where the file is.
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Request<Vec<u8>>, Trouble> {
        let answer = answered(self.ctx.transport.send(request).await)?;
        let located = AssertUnwindSafe(|| self.desk.located(&self.connection, &answer));
        catch_unwind(located).map_err(|_| lost("the adapter panicked"))?.map_err(|fault| faulty(&fault))
    }

    async fn follow(&self, mut request: Request<Vec<u8>>) -> Result<Fetched, Trouble> {
        for _ in 0..=FETCH_REDIRECTS_MAX {
            let answer = answered(self.ctx.transport.fetch(request, self.bytes_max).await)?;
            if answer.status() == StatusCode::OK {
                return Ok(file(answer));
            }
            if !answer.status().is_redirection() {
                return Err(faulty(&self.desk.fault(&answer)));
            }
            request = self.next(&answer)?;
        }
        Err(Trouble::later(MediaLoss::AttemptsUsedUp, "the file is behind too many redirects"))
    }

    /// The secrets stay behind. A stand-in may lead to itself without TLS.
    fn next(&self, answer: &Response<Vec<u8>>) -> Result<Request<Vec<u8>>, Trouble> {
        let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let address = location.and_then(|location| location.parse::<Uri>().ok());
        let is_sound = |address: &Uri| {
            let is_stand_in = self.connection.base_url.parse().is_ok_and(|base| same_server(&base, address));
            is_stand_in || (address.scheme_str() == Some("https") && is_named(address))
        };
        let address = address.filter(is_sound);
        let request = address.and_then(|address| Request::get(address).body(Vec::new()).ok());
        request
            .ok_or_else(|| Trouble::later(MediaLoss::AttemptsUsedUp, "the file is at an address that we do not go to"))
    }
}

/// By a name of the public kind: numbers and names without a dot may be machines in our own house.
fn is_named(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && last.bytes().all(|byte| byte.is_ascii_alphabetic()) && !matches!(last, "local" | "internal")
}

fn file(answer: Response<Vec<u8>>) -> Fetched {
    let declared = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Fetched { declared, bytes: Bytes::from(answer.into_body()) }
}

fn answered(wire: Wire) -> Result<Response<Vec<u8>>, Trouble> {
    match wire {
        Wire::Answered(answer) => Ok(answer),
        Wire::Ambiguous { why: TOO_LONG } => Err(Trouble::Refused(MediaRefusal::TooLarge)),
        Wire::NotSent { why } | Wire::Ambiguous { why } => {
            Err(Trouble::later(MediaLoss::AttemptsUsedUp, format!("the provider could not be reached ({why})")))
        }
    }
}

fn faulty(fault: &MediaFault) -> Trouble {
    let loss = match fault {
        MediaFault::Gone { .. } => MediaLoss::Gone,
        MediaFault::Forbidden { .. } => MediaLoss::Forbidden,
        MediaFault::Trouble { .. } => MediaLoss::AttemptsUsedUp,
    };
    Trouble::later(loss, fault.to_string())
}

fn unbuilt(error: &BuildError) -> Trouble {
    lost(&error.to_string())
}

/// No attempt can succeed.
fn lost(words: &str) -> Trouble {
    Trouble::Lost { loss: MediaLoss::NoAccount, words: words.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_public_names_only() {
        let cases = [
            ("https://media.twiliocdn.com/AC1/x", true),
            ("https://s3-external-1.amazonaws.com/media/x?sig=1", true),
            ("https://169.254.169.254/latest/meta-data", false),
            ("https://[::1]/x", false),
            ("https://2130706433/x", false),
            ("https://0x7f.1/x", false),
            ("https://localhost/x", false),
            ("https://redis.internal/x", false),
            ("https://printer.local/x", false),
        ];
        for (address, expected) in cases {
            assert_eq!(is_named(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
