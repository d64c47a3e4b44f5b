//! Files: an address of the account, behind the account's secret, that redirects to where the bytes are.
//! <https://www.twilio.com/docs/messaging/api/media-resource>

use http::{Method, Request, Response};
use postroad_core::provider::{
    BuildError, Connection,
    media::{MediaDesk, MediaFault, Way, fault_of},
};

use super::{API_VERSION, request};

pub(super) struct Desk;

impl MediaDesk for Desk {
    /// Of the address only the path is taken, and only one of the account's own files: the secret goes to Twilio, whatever a
    /// webhook says.
    fn way(&self, connection: &Connection, media_ref: &str) -> Result<Way, BuildError> {
        let wrong = || BuildError::Malformed("the address is none of a file at Twilio".to_owned());
        let (_, path) = media_ref.split_once(&format!("/{API_VERSION}/Accounts/")).ok_or_else(wrong)?;
        let parts: Vec<&str> = path.split('/').collect();
        let [_, "Messages", message, "Media", media] = parts[..] else { return Err(wrong()) };
        let tail = format!("/Messages/{}/Media/{}", request::plain(message)?, request::plain(media)?);
        request::call(connection, Method::GET, &tail, Vec::new()).map(Way::Fetch)
    }

    fn located(&self, _: &Connection, answer: &Response<Vec<u8>>) -> Result<Request<Vec<u8>>, MediaFault> {
        Err(self.fault(answer))
    }

    fn fault(&self, answer: &Response<Vec<u8>>) -> MediaFault {
        fault_of(answer.status())
    }
}
