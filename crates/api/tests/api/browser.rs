//! People at their browsers.

use http::{Method, Request};
use postroad_testkit::Answer;
use serde_json::{Value, json};

use crate::world::World;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CSRF: (&str, &str) = ("x-postroad-csrf", "1");

/// One browser.
pub(crate) struct Browser<'a> {
    pub(crate) world: &'a World,
    pub(crate) cookie: Option<String>,
    /// While its owner is at a provider who says who they are.
    pub(crate) journey: Option<String>,
}

impl<'a> Browser<'a> {
    pub(crate) const fn new(world: &'a World) -> Self {
        Self { world, cookie: None, journey: None }
    }

    pub(crate) async fn call(&mut self, method: Method, path: &str, body: &Value) -> Answer {
        self.call_with(method, path, body, &[CSRF]).await
    }

    pub(crate) async fn call_with(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call_with_bytes(method, path, &body, headers).await
    }

    pub(crate) async fn call_with_bytes(
        &mut self,
        method: Method,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.world.base));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for cookie in self.cookie.iter().chain(&self.journey) {
            request = request.header("cookie", cookie);
        }
        let answer = self.world.http.send(request.body(body.to_vec()).unwrap()).await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let kept = if pair.contains("-journey=") { &mut self.journey } else { &mut self.cookie };
            *kept = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, &body).await
    }

    pub(crate) async fn log_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/login", json!({"email": email, "password": password})).await
    }

    pub(crate) async fn accept(&mut self, token: &Value, name: &str, password: &str) -> Answer {
        self.post("/v1/auth/accept-invitation", json!({"token": token, "name": name, "password": password})).await
    }

    pub(crate) async fn invite(&mut self, email: &str, role: &str) -> Answer {
        self.post("/v1/invitations", json!({"email": email, "role": role})).await
    }
}

pub(crate) async fn owner(world: &World) -> Browser<'_> {
    let mut ada = Browser::new(world);
    let tenant = json!({"slug": "shop", "name": "The Shop", "time_zone": "Europe/Paris"});
    let signed_up = ada
        .post(
            "/v1/auth/signup",
            json!({"email": "Ada@shop.example", "name": "Ada", "password": PASSWORD, "tenant": tenant}),
        )
        .await;
    assert_eq!(signed_up.status, 201, "{}", signed_up.json());
    ada
}

/// Somebody whom the owner invited.
pub(crate) async fn colleague<'a>(world: &'a World, ada: &mut Browser<'_>, email: &str, role: &str) -> Browser<'a> {
    let invited = ada.invite(email, role).await;
    assert_eq!(invited.status, 201, "{}", invited.json());
    let mut browser = Browser::new(world);
    let accepted = browser.accept(&invited.json()["token"], "Bo", PASSWORD).await;
    assert_eq!((accepted.status, &accepted.json()["works_for"]["role"]), (200, &json!(role)));
    browser
}

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
