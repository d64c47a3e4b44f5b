//! Files of inbound messages: behind the account's secret, and from there by a redirect to where the bytes are, without it.
//!
//! Source: www.twilio.com/docs/messaging/api/media-resource. The real second address is of another host, signed, and ends
//! after some hours; here it is of the same host, and ends when the file is deleted.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::meta::reply;
use crate::server::Reply;

use super::api::Refusal;
use super::inbound::File;
use super::state::State;

/// Files by their SID.
#[derive(Debug, Default)]
pub(crate) struct MediaStore {
    files: BTreeMap<String, (String, Bytes)>,
}

impl State {
    /// Keeps the files of a message, and says where they are.
    pub(crate) fn take_files(&mut self, message: &str, files: &mut [File]) {
        for (nth, file) in files.iter_mut().enumerate().filter(|(_, file)| file.url.is_empty()) {
            let sid = self.sid("ME", (self.inbound << 8) | nth as u64);
            let bytes = BASE64.decode(file.content_base64.as_bytes()).unwrap_or_default();
            file.url = format!(
                "{}/2010-04-01/Accounts/{}/Messages/{message}/Media/{sid}",
                self.base_url, self.config.account_sid
            );
            self.media.files.insert(sid, (file.content_type.clone(), bytes.into()));
        }
    }

    /// `GET …/Messages/{MM}/Media/{ME}`: leads to the bytes.
    pub(crate) fn media(&self, sid: &str) -> Result<Reply, Refusal> {
        if !self.media.files.contains_key(sid) {
            return Err(Refusal::missing());
        }
        let location =
            HeaderValue::try_from(format!("{}/_cdn/{sid}", self.base_url)).map_err(|_| Refusal::missing())?;
        let mut redirect = Response::new(Full::default());
        *redirect.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        redirect.headers_mut().insert(header::LOCATION, location);
        Ok(redirect)
    }

    /// Whoever brings the account's secret here has told it to a stranger.
    pub(crate) fn cdn(&self, head: &Parts, sid: &str) -> Result<Reply, Refusal> {
        if head.headers.contains_key(header::AUTHORIZATION) {
            return Err(Refusal::new(400, 20_001));
        }
        let (content_type, bytes) = self.media.files.get(sid).ok_or(Refusal::missing())?;
        let mut found = Response::new(Full::new(bytes.clone()));
        found.headers_mut().insert(header::CONTENT_TYPE, reply::header(content_type));
        Ok(found)
    }
}
