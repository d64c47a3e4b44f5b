//! Files: the id leads to an address that is good for five minutes and wants the same token. Asked anew at each attempt.
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media>

use http::{Method, Request, Response, Uri, header};
use postroad_core::provider::{
    BuildError, Connection,
    media::{MediaDesk, MediaFault, Way, fault_of, same_server},
};
use serde_json::Value;

use super::{
    field::{integer, text},
    request,
};

/// Hosts of Meta's that serve files. The token goes nowhere else, whatever an answer says.
const FILE_HOSTS: &[&str] = &[".fbsbx.com", ".facebook.com", ".whatsapp.net"];

pub(super) struct Desk;

impl MediaDesk for Desk {
    fn way(&self, connection: &Connection, media_ref: &str) -> Result<Way, BuildError> {
        let tail = format!("?phone_number_id={}", request::plain(&connection.external_id)?);
        request::call_at(connection, media_ref, Method::GET, &tail, Vec::new()).map(Way::Ask)
    }

    fn located(&self, connection: &Connection, answer: &Response<Vec<u8>>) -> Result<Request<Vec<u8>>, MediaFault> {
        if !answer.status().is_success() {
            return Err(self.fault(answer));
        }
        let unreadable = || MediaFault::Trouble { code: "unreadable".to_owned() };
        let found: Value = serde_json::from_slice(answer.body()).map_err(|_| unreadable())?;
        let address = text(&found, "/url").and_then(|url| url.parse::<Uri>().ok()).ok_or_else(unreadable)?;
        if !is_metas(connection, &address) {
            return Err(MediaFault::Trouble { code: "foreign_address".to_owned() });
        }
        let bearer = request::bearer(connection).map_err(|_| MediaFault::Forbidden { code: "no_token".to_owned() })?;
        Request::get(address).header(header::AUTHORIZATION, bearer).body(Vec::new()).map_err(|_| unreadable())
    }

    /// A file that is not there is an unknown object: code 100 with the status 400.
    fn fault(&self, answer: &Response<Vec<u8>>) -> MediaFault {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        match integer(&body, "/error/code") {
            Some(code @ (100 | 803 | 131_052)) => MediaFault::Gone { code: code.to_string() },
            Some(code @ (10 | 190 | 200)) => MediaFault::Forbidden { code: code.to_string() },
            Some(code) => MediaFault::Trouble { code: code.to_string() },
            None => fault_of(answer.status()),
        }
    }
}

fn is_metas(connection: &Connection, address: &Uri) -> bool {
    let is_ours = connection.base_url.parse::<Uri>().is_ok_and(|base| same_server(&base, address));
    let host = address.host().unwrap_or_default();
    let is_metas = address.scheme_str() == Some("https") && address.port().is_none();
    is_ours || (is_metas && FILE_HOSTS.iter().any(|known| host.ends_with(known)))
}
