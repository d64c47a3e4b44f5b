//! Files on their way from a simulated provider into a folder or a bucket, until their time is over. The same story is told
//! on local disk and on S3.

use std::{collections::BTreeMap, time::Duration};

use data_encoding::BASE64;
use futures::TryStreamExt;
use image::{ImageFormat, Rgb, RgbImage};
use postroad_app::{
    accounts, contacts,
    media::{self, Media, Section},
};
use postroad_core::{
    account::{Channel, Pace},
    ids::{AccountId, AttachmentId, ContactId, JournalId},
    media::MediaState,
    unknown::Graces,
};
use postroad_media::{Objects, Place};
use postroad_simulators::{
    meta::{self, MetaConfig},
    twilio::{self, TwilioConfig, TwilioSim},
};
use postroad_store::{accounts::Limits, attachments::Attachment};
use serde_json::json;

use crate::{moto::Moto, world::World};

const ADA: &str = "12025550101";

/// What a camera makes: a picture of this width, with the place where it was taken.
fn photo(width: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = RgbImage::from_fn(width, 400, |x, y| Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 9]));
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let jpeg = bytes.into_inner();
    let place = b"\xff\xe1\x00\x1eExif\0\0II*\0\x08\0\0\0\0\0GPS 48.85";
    [&jpeg[..2], &place[..], &jpeg[2..]].concat()
}

struct Stage {
    world: World,
    account: AccountId,
    said: u32,
}

impl Stage {
    async fn new(media: Media) -> Self {
        let mut world = World::new(MetaConfig::default()).await;
        world.app.media = media;
        let account = world.account(100.0).await;
        Self { world, account, said: 0 }
    }

    /// The person sends a file; it lies at the provider, and the webhook names it.
    async fn sends(&mut self, kind: &str, mime: &str, bytes: &[u8]) -> AttachmentId {
        let file = meta::Attachment {
            mime_type: Some(mime.to_owned()),
            content_base64: Some(BASE64.encode(bytes)),
            ..meta::Attachment::default()
        };
        let said = meta::Inbound {
            from: Some(ADA.to_owned()),
            message: meta::Content::Image(file),
            ..meta::Inbound::default()
        };
        self.world.sim.inbound(said).unwrap();
        self.said += 1;
        let id = (400_000_000_000_000 + u64::from(self.said)).to_string();
        self.is_told(kind, &json!({"id": id, "mime_type": mime, "sha256": "x", "filename": "from Ada.bin"})).await
    }

    /// Puts the webhook into the journal, and waits until the file is a row.
    async fn is_told(&mut self, kind: &str, file: &serde_json::Value) -> AttachmentId {
        let number: String = self.one("select external_id from accounts limit 1").await;
        let now = self.world.app.clock.now();
        let message = json!({"from": ADA, "id": format!("wamid.{}", self.said), "timestamp": now.timestamp().to_string(),
                             "type": kind, kind: file});
        let value = json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": number},
                           "contacts": [{"wa_id": ADA, "profile": {"name": "Ada"}}], "messages": [message]});
        let body = json!({"object": "whatsapp_business_account",
                          "entry": [{"id": "waba", "changes": [{"field": "messages", "value": value}]}]});
        let (tenant, account) = (self.world.seed.tenant, self.account);
        self.journal("whatsapp_cloud", (tenant.uuid(), account.uuid()), body.to_string().into_bytes()).await;
        self.newest().await
    }

    async fn journal(&mut self, provider: &str, (tenant, account): (uuid::Uuid, uuid::Uuid), body: Vec<u8>) {
        let now = self.world.app.clock.now();
        sqlx::query(
            "insert into webhook_journal (id, provider, headers, url, body, received_at, tenant_id, account_id)
             values ($1, $2, '{}', '', $3, $4, $5, $6)",
        )
        .bind(JournalId::new(now))
        .bind(provider)
        .bind(body)
        .bind(now)
        .bind(tenant)
        .bind(account)
        .execute(self.world.seed.conn())
        .await
        .unwrap();
    }

    /// The person sends a text message with this file of Twilio's.
    async fn texts(&mut self, account: AccountId, sim: &TwilioSim, file: &str) -> AttachmentId {
        let sid = sim.config().account_sid;
        let link = format!("https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages/MM1/Media/{file}");
        let fields = [
            ("AccountSid", sid.as_str()),
            ("MessageSid", "MM1"),
            ("From", "+12025550123"),
            ("To", "+12025550100"),
            ("Body", "look"),
            ("NumMedia", "1"),
            ("MediaUrl0", &link),
            ("MediaContentType0", "image/jpeg"),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let tenant = self.world.seed.tenant.uuid();
        self.journal("twilio_sms", (tenant, account.uuid()), body.into_bytes()).await;
        self.newest().await
    }

    async fn one<T>(&mut self, sql: &'static str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(sql).fetch_one(self.world.seed.conn()).await.unwrap()
    }

    /// The file that was told of last, once every webhook was read.
    async fn newest(&mut self) -> AttachmentId {
        for _ in 0..300 {
            let open: i64 = self.one("select count(*) from webhook_journal where state = 'unread'").await;
            if open == 0 {
                return AttachmentId::from_uuid(self.one("select id from attachments order by id desc limit 1").await);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("a webhook is unread for half a minute");
    }

    /// The file once it is where it stays, or has failed once.
    async fn settled(&self, id: AttachmentId) -> Attachment {
        for _ in 0..400 {
            let (file, _) = media::get(&self.world.app, self.world.seed.tenant, id).await.unwrap();
            if file.state != MediaState::Wanted || file.trouble.is_some() {
                return file;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the file is not settled after 40 s");
    }

    /// What the links of a file give: the file, and the thumbnail.
    async fn read(&self, id: AttachmentId) -> (Vec<u8>, Option<Vec<u8>>) {
        let (_, links) = media::get(&self.world.app, self.world.seed.tenant, id).await.unwrap();
        let links = links.expect("a stored file has links");
        let small = match &links.thumbnail_url {
            Some(url) => Some(self.open(url, None).await),
            None => None,
        };
        (self.open(&links.url, None).await, small)
    }

    async fn open(&self, url: &str, section: Option<Section>) -> Vec<u8> {
        let token = url.rsplit('/').next().unwrap();
        let served = media::open(&self.world.app, token, section).await.unwrap();
        served.reading.bytes.try_collect::<Vec<_>>().await.unwrap().concat()
    }

    async fn is_kept(&self, file: &Attachment) -> bool {
        let key = postroad_media::Key::of(
            self.world.seed.tenant,
            file.sha256.as_deref().unwrap(),
            postroad_media::Variant::Whole,
        );
        self.world.app.media.objects.is_there(&key).await.unwrap()
    }
}

/// From the webhook to the purge.
async fn a_file_lives_and_ends(media: Media) {
    let mut stage = Stage::new(media).await;
    let (stop, _) = stage.world.work(Graces::default());

    let first = stage.sends("image", "image/jpeg", &photo(800)).await;
    let stored = stage.settled(first).await;
    assert_eq!((stored.state, stored.width, stored.height), (MediaState::Stored, Some(800), Some(400)), "{stored:?}");
    assert_eq!(stored.media_type.as_deref(), Some("image/jpeg"));
    let (whole, small) = stage.read(first).await;
    assert!(!whole.windows(3).any(|window| window == b"GPS"));
    assert_eq!(i64::try_from(whole.len()).unwrap(), stored.size_bytes.unwrap());
    let small = image::load_from_memory(&small.unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (320, 160));
    let (_, links) = media::get(&stage.world.app, stage.world.seed.tenant, first).await.unwrap();
    let part = stage.open(&links.unwrap().url, Some(Section::From { first: 2, last: Some(9) })).await;
    assert_eq!(part, whole[2..10]);

    // The same picture again is another file, and the same bytes.
    let again = stage.sends("image", "image/jpeg", &photo(800)).await;
    assert_ne!(again, first);
    assert_eq!(stage.settled(again).await.sha256, stored.sha256);

    let page = stage.sends("document", "text/html", b"<!DOCTYPE html><script>alert(1)</script>").await;
    assert_eq!(stage.settled(page).await.media_type.as_deref(), Some("text/html"));
    let disguised = stage.sends("image", "image/png", b"<!DOCTYPE html><script>alert(1)</script>").await;
    assert_eq!(stage.settled(disguised).await.code.as_deref(), Some("type_disagrees"));
    let program = stage.sends("document", "application/x-msdownload", b"MZ\x90\0\x03\0\0\0").await;
    assert_eq!(stage.settled(program).await.code.as_deref(), Some("type_not_allowed"));
    let large = stage.sends("sticker", "image/webp", &vec![0; 600 * 1_024]).await;
    assert_eq!(stage.settled(large).await.code.as_deref(), Some("too_large"));
    stop.cancel();

    stage.purge(&stored, (first, again)).await;
}

impl Stage {
    /// Old files go, but not the bytes that a younger one has too, and none that a court wants.
    async fn purge(&mut self, stored: &Attachment, (first, again): (AttachmentId, AttachmentId)) {
        let (app, tenant) = (self.world.app.clone(), self.world.seed.tenant);
        self.age(first).await;
        media::hold(&app, tenant, first, true).await.unwrap();
        media::purge(&app).await.unwrap();
        assert_eq!(self.state(first).await, MediaState::Stored);
        media::hold(&app, tenant, first, false).await.unwrap();
        media::purge(&app).await.unwrap();
        assert_eq!((self.state(first).await, self.state(again).await), (MediaState::Purged, MediaState::Stored));
        assert!(self.is_kept(stored).await);
        self.age(again).await;
        for _ in 0..2 {
            media::purge(&app).await.unwrap();
        }
        assert_eq!(self.state(again).await, MediaState::Purged);
        assert!(!self.is_kept(stored).await);
    }

    /// As if it had been stored 181 days ago.
    async fn age(&mut self, id: AttachmentId) {
        sqlx::query("update attachments set stored_at = stored_at - interval '181 days' where id = $1")
            .bind(id.uuid())
            .execute(self.world.seed.conn())
            .await
            .unwrap();
    }

    async fn state(&self, id: AttachmentId) -> MediaState {
        media::get(&self.world.app, self.world.seed.tenant, id).await.unwrap().0.state
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_sends_is_kept_on_disk_shown_small_and_deleted_in_time() {
    let folder = tempfile::tempdir().unwrap();
    a_file_lives_and_ends(Media::new(Objects::open(&Place::Folder(folder.path().join("media"))).unwrap())).await;
    let left: usize = std::fs::read_dir(folder.path().join("media"))
        .unwrap()
        .map(|tenant| tenant.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.read_dir().unwrap().count())
        .sum();
    // The page, which is not old.
    assert_eq!(left, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_sends_is_kept_in_a_bucket_shown_small_and_deleted_in_time() {
    let moto = Moto::start().await;
    let objects = Objects::open(&Place::S3(moto.s3.clone())).unwrap();
    objects.probe().await.unwrap();
    a_file_lives_and_ends(Media::new(objects)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_provider_does_not_have_is_tried_again_and_then_lost() {
    let sim = TwilioSim::start(TwilioConfig::default()).await.unwrap();
    let mut stage = Stage::new(Media::in_memory()).await;
    let account = connect_twilio(&stage.world, &sim).await;
    let (stop, _) = stage.world.work_with(Graces::default(), [("twilio_sms".to_owned(), sim.base_url())]);
    let id = stage.texts(account, &sim, "ME00000000000000000000000000000000").await;
    let tried = stage.settled(id).await;
    assert_eq!((tried.state, tried.attempts), (MediaState::Wanted, 1), "{tried:?}");
    assert!(tried.due_at.is_some() && tried.trouble.unwrap().contains("does not have"));
    let hurry = "update attachments set due_at = now() where state = 'wanted' and due_at > now()";
    for _ in 0..200 {
        sqlx::query(hurry).execute(stage.world.seed.conn()).await.unwrap();
        if stage.state(id).await != MediaState::Wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.cancel();
    let (lost, links) = media::get(&stage.world.app, stage.world.seed.tenant, id).await.unwrap();
    assert_eq!((lost.state, lost.code.as_deref(), links), (MediaState::Lost, Some("gone"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_persons_files_cannot_be_read_and_their_bytes_go() {
    let mut stage = Stage::new(Media::in_memory()).await;
    let (stop, _) = stage.world.work(Graces::default());
    let id = stage.sends("image", "image/jpeg", &photo(500)).await;
    let stored = stage.settled(id).await;
    stop.cancel();
    let contact: uuid::Uuid = stage.one("select contact_id from messages where direction = 'inbound' limit 1").await;
    let (app, tenant) = (stage.world.app.clone(), stage.world.seed.tenant);
    let (_, links) = media::get(&app, tenant, id).await.unwrap();
    let token = links.unwrap().url.rsplit('/').next().unwrap().to_owned();
    contacts::erase(&app, tenant, ContactId::from_uuid(contact)).await.unwrap();
    assert!(matches!(media::open(&app, &token, None).await, Err(media::FileError::Gone)));
    media::purge(&app).await.unwrap();
    assert!(!stage.is_kept(&stored).await);
    let file = media::get(&app, tenant, id).await.unwrap().0;
    assert_eq!((file.state, file.file_name, file.sha256), (MediaState::Purged, None, None));
}

/// Twilio hides its files behind the account's secret and a redirect; the secret must not follow the redirect.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_text_messages_are_fetched_through_the_redirect_without_the_secret() {
    let sms_url = Some("http://127.0.0.1:9/".to_owned());
    let sim = TwilioSim::start(TwilioConfig { sms_url, ..TwilioConfig::default() }).await.unwrap();
    let mut stage = Stage::new(Media::in_memory()).await;
    let account = connect_twilio(&stage.world, &sim).await;
    let (stop, _) = stage.world.work_with(Graces::default(), [("twilio_sms".to_owned(), sim.base_url())]);
    let file = twilio::File {
        content_type: "image/jpeg".to_owned(),
        content_base64: BASE64.encode(&photo(640)),
        ..twilio::File::default()
    };
    sim.inbound(&twilio::Inbound { files: vec![file], ..twilio::Inbound::default() }).unwrap();
    let id = stage.texts(account, &sim, &format!("ME{:016x}{:016x}", 1_u64 << 32, 256)).await;
    let stored = stage.settled(id).await;
    stop.cancel();
    assert_eq!((stored.state, stored.width), (MediaState::Stored, Some(640)), "{stored:?}");
    assert_eq!(stored.channel, Channel::Sms);
}

async fn connect_twilio(world: &World, sim: &TwilioSim) -> AccountId {
    let config = sim.config();
    let new = accounts::NewAccount {
        provider: "twilio_sms".into(),
        channel: Channel::Sms,
        external_id: "+12025550100".into(),
        display_name: "Test number".into(),
        credentials: vec![("auth_token".into(), config.auth_token.into())],
        settings: BTreeMap::from([("account_sid".into(), config.account_sid)]),
        limits: Limits { pace: Pace { per_s: 1.0, burst: 1 }, spacing: None, shared: None },
        portfolio: accounts::PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    };
    accounts::connect(&world.app, world.seed.tenant, new).await.unwrap()
}
