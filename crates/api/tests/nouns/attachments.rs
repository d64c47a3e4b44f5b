//! Files over HTTP: uploaded, looked at, read by links that end, sent, kept and let go.

use chrono::TimeDelta;
use http::{Method, Request};
use postroad_app::media::{self, Fetched, Trouble};
use postroad_testkit::{Answer, SignedCaller};
use serde_json::{Value, json};

use crate::world::World;

const PDF: &[u8] = b"%PDF-1.7\nnothing to see";

struct Desk {
    world: World,
    caller: SignedCaller,
}

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        let tenant = world.tenant().await;
        let caller = world.caller(tenant.id).await;
        Self { world, caller }
    }

    async fn send(&self, method: Method, target: &str, media_type: &str, bytes: &[u8]) -> Answer {
        let mut request = self.caller.signed(&method, target, &self.caller.request_id(), bytes);
        request.headers_mut().insert(http::header::CONTENT_TYPE, media_type.parse().unwrap());
        self.world.http.send(request).await
    }

    async fn upload(&self, query: &str, media_type: &str, bytes: &[u8]) -> Value {
        let answer = self.send(Method::POST, &format!("/v1/attachments{query}"), media_type, bytes).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    /// Does what a worker does with files that were uploaded.
    async fn look(&self) -> usize {
        let taken = media::take(&self.world.app).await.unwrap();
        for one in &taken {
            let looked: Result<(), Trouble> = match media::uploaded(&self.world.app, one).await {
                Ok(fetched) => media::keep(&self.world.app, one, fetched).await,
                Err(trouble) => Err(trouble),
            };
            if let Err(trouble) = looked {
                media::fail(&self.world.app, one, trouble).await.unwrap();
            }
        }
        taken.len()
    }

    async fn stored(&self, query: &str, media_type: &str, bytes: &[u8]) -> Value {
        let id = self.upload(query, media_type, bytes).await["id"].as_str().unwrap().to_owned();
        self.look().await;
        let file = self.get(&id).await;
        assert_eq!(file["state"], json!("stored"), "{file}");
        file
    }

    async fn get(&self, id: &str) -> Value {
        self.caller.get(&format!("/v1/attachments/{id}")).await.json()
    }

    /// Opens a link as a browser does: nothing but the address.
    async fn open(&self, url: &str, range: Option<&str>) -> Answer {
        let path = url.strip_prefix("https://messages.example").expect("links begin with our own address");
        let mut request = Request::get(format!("{}{path}", self.world.base));
        if let Some(range) = range {
            request = request.header(http::header::RANGE, range);
        }
        self.world.http.send(request.body(Vec::new()).unwrap()).await
    }
}

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn url(file: &Value) -> &str {
    file["url"].as_str().expect("it can be read")
}

fn png() -> Vec<u8> {
    let header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde";
    let data = b"\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";
    [&header[..], &data[..]].concat()
}

#[tokio::test]
async fn an_upload_is_looked_at_before_it_can_be_read_and_its_link_ends() {
    let desk = Desk::new().await;
    let fresh = desk.upload("?name=Your%20invoice.pdf", "application/pdf", PDF).await;
    assert_eq!((&fresh["state"], fresh.get("url")), (&json!("wanted"), None));
    assert_eq!(desk.look().await, 1);
    assert_eq!(desk.look().await, 0);
    let file = desk.get(id(&fresh)).await;
    assert_eq!(
        (&file["state"], &file["kind"], &file["size_bytes"]),
        (&json!("stored"), &json!("document"), &json!(PDF.len()))
    );
    let read = desk.open(url(&file), None).await;
    assert_eq!((read.status, read.body.as_ref()), (200, PDF));
    let disposition = "attachment; filename=\"Your invoice.pdf\"; filename*=UTF-8''Your%20invoice.pdf";
    assert_eq!(read.header("content-disposition"), disposition);
    assert_eq!((read.header("content-type"), read.header("x-content-type-options")), ("application/pdf", "nosniff"));
    assert!(read.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    desk.world.clock.advance(TimeDelta::minutes(61));
    let ended = desk.open(url(&file), None).await;
    assert_eq!((ended.status, ended.code().as_str()), (410, "link_expired"));
    assert_eq!(desk.open(url(&desk.get(id(&fresh)).await), None).await.status, 200);
}

#[tokio::test]
async fn a_part_of_a_file_is_read_by_its_range() {
    let desk = Desk::new().await;
    let file = desk.stored("", "application/pdf", PDF).await;
    let part = desk.open(url(&file), Some("bytes=1-3")).await;
    assert_eq!((part.status, part.body.as_ref()), (206, &b"PDF"[..]));
    assert_eq!(part.header("content-range"), format!("bytes 1-3/{}", PDF.len()));
    assert_eq!(desk.open(url(&file), Some("bytes=-3")).await.body.as_ref(), b"see");
    assert_eq!(desk.open(url(&file), Some("bytes=0-1,4-5")).await.status, 200);
    let beyond = desk.open(url(&file), Some("bytes=1000-")).await;
    assert_eq!((beyond.status, beyond.code().as_str()), (416, "range_not_satisfiable"));
}

#[tokio::test]
async fn pictures_are_shown_and_what_may_hold_a_script_is_only_saved() {
    let desk = Desk::new().await;
    let picture = desk.stored("", "image/png", &png()).await;
    assert_eq!((&picture["width"], &picture["kind"]), (&json!(1), &json!("image")));
    assert_eq!(desk.open(url(&picture), None).await.header("content-disposition"), "inline");
    let small = desk.open(picture["thumbnail_url"].as_str().unwrap(), None).await;
    assert_eq!((small.status, small.header("content-type")), (200, "image/jpeg"));
    for (media_type, text) in [
        ("image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"),
        ("text/html", "<!DOCTYPE html><script>alert(1)</script>"),
    ] {
        let page = desk.stored("", media_type, text.as_bytes()).await;
        let read = desk.open(url(&page), None).await;
        assert_eq!((read.status, read.header("content-disposition")), (200, "attachment"), "{media_type}");
        assert!(read.header("content-security-policy").starts_with("sandbox"), "{media_type}");
        assert_eq!(page.get("thumbnail_url"), None);
    }
}

#[tokio::test]
async fn what_is_not_what_it_says_is_refused_with_a_code() {
    let desk = Desk::new().await;
    let mut bomb = png();
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let crc = [0x16, 0xeb, 0x8f, 0x8a];
    bomb[29..33].copy_from_slice(&crc);
    let cases: [(&str, &[u8], &[&str]); 4] = [
        ("image/png", b"<!DOCTYPE html><script>alert(1)</script>", &["type_disagrees"]),
        ("application/octet-stream", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", &["type_not_allowed"]),
        ("image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", &["unreadable_image"]),
        ("image/png", &bomb, &["bomb", "unreadable_image"]),
    ];
    for (media_type, bytes, codes) in cases {
        let fresh = desk.upload("", media_type, bytes).await;
        desk.look().await;
        let file = desk.get(id(&fresh)).await;
        assert_eq!(file["state"], json!("refused"), "{file}");
        assert!(codes.contains(&file["code"].as_str().unwrap()), "{file}");
        assert_eq!(file.get("url"), None);
    }
    let unknown = desk.send(Method::POST, "/v1/attachments", "application/x-msdownload", b"MZ").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (422, "type_not_allowed"));
    let none = desk.send(Method::POST, "/v1/attachments", "application/pdf", b"").await;
    assert_eq!((none.status, none.code().as_str()), (422, "empty_part"));
}

#[tokio::test]
async fn a_long_file_comes_in_parts_each_taken_once_and_in_order() {
    let desk = Desk::new().await;
    let whole: Vec<u8> = [&b"%PDF-1.7\n"[..], &vec![b'x'; 2_000_000]].concat();
    let parts: Vec<&[u8]> = whole.chunks(1_000_000).collect();
    let first = desk.upload("?more=true&name=long.pdf", "application/pdf", parts[0]).await;
    assert_eq!((&first["state"], &first["parts"]), (&json!("receiving"), &json!(1)));
    let target = |part: usize, query: &str| format!("/v1/attachments/{}/parts/{part}{query}", id(&first));
    let put = async |part: usize, query: &str, bytes: &[u8]| {
        desk.send(Method::PUT, &target(part, query), "application/octet-stream", bytes).await
    };
    assert_eq!(put(2, "?last=true", parts[2]).await.code(), "out_of_order");
    for _ in 0..2 {
        assert_eq!(put(1, "", parts[1]).await.json()["parts"], json!(2));
    }
    assert_eq!(put(2, "?last=true", parts[2]).await.json()["state"], json!("wanted"));
    assert_eq!(put(3, "", parts[2]).await.code(), "wrong_state");
    desk.look().await;
    let file = desk.get(id(&first)).await;
    assert_eq!(desk.open(url(&file), None).await.body.len(), whole.len());
    assert_eq!(desk.world.count("select count(*) from attachment_parts").await, 0);
}

#[tokio::test]
async fn a_link_that_somebody_changed_leads_nowhere() {
    let desk = Desk::new().await;
    let file = desk.stored("", "application/pdf", PDF).await;
    let good = url(&file);
    let (head, last) = good.split_at(good.len() - 1);
    let other = if last == "A" { "Q" } else { "A" };
    for forged in
        [format!("{head}{other}"), good.replacen("/files/", "/files/A", 1), "https://messages.example/files/x".into()]
    {
        let answer = desk.open(&forged, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{forged}");
    }
    assert_eq!(desk.open(good, None).await.status, 200);
}

#[tokio::test]
async fn a_stored_file_is_sent_by_a_link_of_ours_and_others_are_not() {
    let desk = Desk::new().await;
    desk.world.everybody_writes().await;
    let file = desk.stored("?name=invoice.pdf", "application/pdf", PDF).await;
    let message = |media: Value| json!({"to": "+12025550173", "type": "media", "media": media});
    let sent =
        desk.caller.post("/v1/messages", &message(json!({"kind": "document", "attachment_id": id(&file)}))).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let id_of_message = sent.json()["id"].as_str().unwrap().to_owned();
    let content = desk.caller.get(&format!("/v1/messages/{id_of_message}")).await.json()["content"].clone();
    assert_eq!((&content["attachment"], &content["filename"]), (&file["id"], &json!("invoice.pdf")));
    desk.world.clock.advance(TimeDelta::days(30));
    assert_eq!(desk.open(content["link"].as_str().unwrap(), None).await.body.as_ref(), PDF);

    let as_image =
        desk.caller.post("/v1/messages", &message(json!({"kind": "image", "attachment_id": id(&file)}))).await;
    assert_eq!((as_image.status, as_image.code().as_str()), (422, "attachment_kind"));
    let fresh = desk.upload("", "application/pdf", b"%PDF-1.4\n").await;
    for unknown in [id(&fresh), "att_00000000000000000000000000000000"] {
        let answer =
            desk.caller.post("/v1/messages", &message(json!({"kind": "document", "attachment_id": unknown}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "unknown_attachment"));
    }
    let both = json!({"kind": "document", "attachment_id": id(&file), "link": "https://a.example/b.pdf"});
    assert_eq!(desk.caller.post("/v1/messages", &message(both)).await.code(), "content_mismatch");
}

#[tokio::test]
async fn a_tenant_says_for_how_long_files_are_kept_and_which_are_held() {
    let desk = Desk::new().await;
    assert_eq!(desk.caller.get("/v1/tenant/media-retention").await.json(), json!({"days": 180}));
    let (old, held) = (desk.stored("", "application/pdf", PDF).await, desk.stored("", "text/plain", b"evidence").await);
    let hold = format!("/v1/attachments/{}/legal-hold", id(&held));
    let answer = desk.caller.call(Method::PUT, &hold, &desk.caller.request_id(), br#"{"hold":true}"#).await;
    assert_eq!((answer.status, &answer.json()["legal_hold"]), (200, &json!(true)), "{}", answer.text());
    desk.world.clock.advance(TimeDelta::days(8));
    media::purge(&desk.world.app).await.unwrap();
    assert_eq!(desk.get(id(&old)).await["state"], json!("stored"));
    let retention = "/v1/tenant/media-retention";
    let week = desk.caller.call(Method::PUT, retention, &desk.caller.request_id(), br#"{"days":7}"#).await;
    assert_eq!(week.status, 200, "{}", week.text());
    let never = desk.caller.call(Method::PUT, retention, &desk.caller.request_id(), br#"{"days":0}"#).await;
    assert_eq!(never.code(), "out_of_range");
    let link = url(&desk.get(id(&old)).await).to_owned();
    media::purge(&desk.world.app).await.unwrap();
    assert_eq!(
        (&desk.get(id(&old)).await["state"], &desk.get(id(&held)).await["state"]),
        (&json!("purged"), &json!("stored"))
    );
    assert_eq!(desk.open(&link, None).await.code(), "file_gone");
    let late = format!("/v1/attachments/{}/legal-hold", id(&old));
    assert_eq!(
        desk.caller.call(Method::PUT, &late, &desk.caller.request_id(), br#"{"hold":true}"#).await.code(),
        "wrong_state"
    );
}

#[tokio::test]
async fn an_upload_whose_end_never_comes_is_given_up() {
    let desk = Desk::new().await;
    let begun = desk.upload("?more=true", "application/pdf", PDF).await;
    desk.world.clock.advance(TimeDelta::hours(25));
    media::purge(&desk.world.app).await.unwrap();
    let file = desk.get(id(&begun)).await;
    assert_eq!((&file["state"], &file["code"]), (&json!("lost"), &json!("abandoned")));
    assert_eq!(desk.world.count("select count(*) from attachment_parts").await, 0);
}

/// Whoever keeps a file and whoever deletes the same bytes meet; a stored file always has its bytes.
#[tokio::test]
async fn bytes_that_come_while_they_are_deleted_are_not_lost() {
    let desk = Desk::new().await;
    let old = desk.stored("", "application/pdf", PDF).await;
    desk.world.execute("update attachments set state = 'purging'").await;
    let fresh = desk.upload("", "application/pdf", PDF).await;
    let taken = media::take(&desk.world.app).await.unwrap();
    let fetched = || Fetched { declared: None, bytes: PDF.into() };
    let met = media::keep(&desk.world.app, &taken[0], fetched()).await.unwrap_err();
    assert!(matches!(met, Trouble::Later { .. }), "{met:?}");
    media::purge(&desk.world.app).await.unwrap();
    assert_eq!(desk.get(id(&old)).await["state"], json!("purged"));
    media::keep(&desk.world.app, &taken[0], fetched()).await.unwrap();
    // Again, as a worker does whose job came twice.
    media::keep(&desk.world.app, &taken[0], fetched()).await.unwrap();
    let file = desk.get(id(&fresh)).await;
    assert_eq!(desk.open(url(&file), None).await.body.as_ref(), PDF);
}
