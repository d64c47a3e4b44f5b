//! The settings: name, what a value looks like, default. docs/configure.md has a row for each.

pub use super::reader::Spec;

pub const DATABASE_URL: Spec =
    Spec::secret("POSTROAD_DATABASE_URL", "an address like postgres://user:password@host:5432/database");
pub const OWNER_URL: Spec =
    Spec::secret("POSTROAD_OWNER_URL", "an address like postgres://user:password@host:5432/database");
pub const SYSTEM_URL: Spec =
    Spec::secret("POSTROAD_SYSTEM_URL", "an address like postgres://user:password@host:5432/database");
pub const DATA_DIR: Spec = Spec::plain("POSTROAD_DATA_DIR", "a folder").or(".postroad");
pub const REDIS_URL: Spec = Spec::secret("POSTROAD_REDIS_URL", "an address like redis://host:6379");
pub const S3_BUCKET: Spec = Spec::plain("POSTROAD_S3_BUCKET", "the name of a bucket");
pub const S3_ENDPOINT: Spec = Spec::plain("POSTROAD_S3_ENDPOINT", "an address like https://s3.example.com");
pub const S3_REGION: Spec = Spec::plain("POSTROAD_S3_REGION", "a region like eu-central-1").or("us-east-1");
pub const S3_ACCESS_KEY_ID: Spec = Spec::plain("POSTROAD_S3_ACCESS_KEY_ID", "the id of a key for the bucket");
pub const S3_SECRET_ACCESS_KEY: Spec = Spec::secret("POSTROAD_S3_SECRET_ACCESS_KEY", "the secret of the key");
pub const S3_USE_PATH_STYLE: Spec = Spec::plain("POSTROAD_S3_USE_PATH_STYLE", "true or false").or("false");
pub const SMTP_URL: Spec =
    Spec::secret("POSTROAD_SMTP_URL", "an address like smtp://user:password@mail.example.com:587");
pub const MAIL_FROM: Spec =
    Spec::plain("POSTROAD_MAIL_FROM", "an address of mail like Postroad <postroad@example.com>");
pub const OAUTH_GOOGLE: Oauth = Oauth {
    client_id: Spec::plain("POSTROAD_OAUTH_GOOGLE_CLIENT_ID", "the id of a client at Google"),
    client_secret: Spec::secret("POSTROAD_OAUTH_GOOGLE_CLIENT_SECRET", "the secret of the client"),
    url: Spec::plain("POSTROAD_OAUTH_GOOGLE_URL", "an address like http://127.0.0.1:9000"),
};
pub const OAUTH_FACEBOOK: Oauth = Oauth {
    client_id: Spec::plain("POSTROAD_OAUTH_FACEBOOK_CLIENT_ID", "the id of an app at Facebook"),
    client_secret: Spec::secret("POSTROAD_OAUTH_FACEBOOK_CLIENT_SECRET", "the secret of the app"),
    url: Spec::plain("POSTROAD_OAUTH_FACEBOOK_URL", "an address like http://127.0.0.1:9000"),
};
pub const OAUTH_GITHUB: Oauth = Oauth {
    client_id: Spec::plain("POSTROAD_OAUTH_GITHUB_CLIENT_ID", "the id of an OAuth app at GitHub"),
    client_secret: Spec::secret("POSTROAD_OAUTH_GITHUB_CLIENT_SECRET", "the secret of the app"),
    url: Spec::plain("POSTROAD_OAUTH_GITHUB_URL", "an address like http://127.0.0.1:9000"),
};

/// What one provider who says who somebody is needs.
pub struct Oauth {
    pub client_id: Spec,
    pub client_secret: Spec,
    pub url: Spec,
}

pub const LISTEN: Spec = Spec::plain("POSTROAD_LISTEN", "an address like 127.0.0.1:7800").or("127.0.0.1:7800");
pub const PUBLIC_URL: Spec = Spec::plain("POSTROAD_PUBLIC_URL", "an address like https://messages.example.com");
pub const TRUSTED_PROXIES: Spec = Spec::plain("POSTROAD_TRUSTED_PROXIES", "networks like 10.0.0.0/8,192.0.2.7");
pub const API_PROCESSES: Spec = Spec::plain("POSTROAD_API_PROCESSES", "1 to 1000").or("1");
pub const WORKERS: Spec = Spec::plain("POSTROAD_WORKERS", "1 to 512").or("16");
pub const SHUTDOWN_GRACE_S: Spec = Spec::plain("POSTROAD_SHUTDOWN_GRACE_S", "0 to 600").or("30");
pub const UNKNOWN_GRACE_S: Spec = Spec::plain("POSTROAD_UNKNOWN_GRACE_S", "1 to 86400");
pub const QUIET_HOURS: Spec = Spec::plain("QUIET_HOURS_DEFAULT", "quiet hours like 21:00-08:00").or("21:00-08:00");
pub const EGRESS_ALLOW: Spec = Spec::plain(
    "POSTROAD_EGRESS_ALLOW",
    "networks, names, ports and http like 10.0.0.0/8,erp.example.internal,:8080,http",
);
pub const MASTER_KEYS: Spec = Spec::secret("POSTROAD_MASTER_KEYS", "keys like k2:base64,k1:base64");
pub const LOG: Spec = Spec::plain("POSTROAD_LOG", "json or text");
pub const RUST_LOG: Spec = Spec::plain("RUST_LOG", "a filter like info,postroad_worker=debug").or("info,sqlx=warn");
pub const META_URL: Spec = Spec::plain("POSTROAD_META_URL", "an address like https://graph.facebook.com");
pub const TWILIO_URL: Spec = Spec::plain("POSTROAD_TWILIO_URL", "an address like https://api.twilio.com");
pub const WHATSAPP_TOKEN: Spec = Spec::secret("WHATSAPP_TOKEN", "a system user's permanent token");
pub const WHATSAPP_PHONE_NUMBER_ID: Spec =
    Spec::plain("WHATSAPP_PHONE_NUMBER_ID", "the id of a number at Meta: digits");
pub const WHATSAPP_BUSINESS_ACCOUNT_ID: Spec =
    Spec::plain("WHATSAPP_BUSINESS_ACCOUNT_ID", "the id of a WhatsApp Business account at Meta: digits");
pub const META_APP_SECRET: Spec = Spec::secret("META_APP_SECRET", "an app's secret at Meta");
pub const META_VERIFY_TOKEN: Spec = Spec::secret("META_VERIFY_TOKEN", "a word of your own, told to Meta too");
pub const TWILIO_WHATSAPP_FROM: Spec =
    Spec::plain("TWILIO_WHATSAPP_FROM", "a number like +12025550100, or a messaging service MG…");
pub const TWILIO_ACCOUNT_SID: Spec = Spec::plain("TWILIO_ACCOUNT_SID", "the id of an account at Twilio: AC…");
pub const TWILIO_AUTH_TOKEN: Spec = Spec::secret("TWILIO_AUTH_TOKEN", "the token of an account at Twilio");
pub const TENANT: Spec = Spec::plain("POSTROAD_TENANT", "the slug or id of a tenant");
pub const API_KEY: Spec = Spec::plain("POSTROAD_API_KEY", "a key id like prk_live_…");
pub const API_SECRET: Spec = Spec::secret("POSTROAD_API_SECRET", "a secret like prs_…");

/// In the order in which they are shown.
pub const SPECS: &[Spec] = &[
    DATA_DIR,
    DATABASE_URL,
    OWNER_URL,
    SYSTEM_URL,
    REDIS_URL,
    S3_BUCKET,
    S3_ENDPOINT,
    S3_REGION,
    S3_ACCESS_KEY_ID,
    S3_SECRET_ACCESS_KEY,
    S3_USE_PATH_STYLE,
    SMTP_URL,
    MAIL_FROM,
    OAUTH_GOOGLE.client_id,
    OAUTH_GOOGLE.client_secret,
    OAUTH_GOOGLE.url,
    OAUTH_FACEBOOK.client_id,
    OAUTH_FACEBOOK.client_secret,
    OAUTH_FACEBOOK.url,
    OAUTH_GITHUB.client_id,
    OAUTH_GITHUB.client_secret,
    OAUTH_GITHUB.url,
    LISTEN,
    PUBLIC_URL,
    TRUSTED_PROXIES,
    API_PROCESSES,
    WORKERS,
    SHUTDOWN_GRACE_S,
    UNKNOWN_GRACE_S,
    QUIET_HOURS,
    EGRESS_ALLOW,
    MASTER_KEYS,
    LOG,
    RUST_LOG,
    META_URL,
    TWILIO_URL,
    WHATSAPP_TOKEN,
    WHATSAPP_PHONE_NUMBER_ID,
    WHATSAPP_BUSINESS_ACCOUNT_ID,
    META_APP_SECRET,
    META_VERIFY_TOKEN,
    TWILIO_WHATSAPP_FROM,
    TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN,
    TENANT,
    API_KEY,
    API_SECRET,
];
