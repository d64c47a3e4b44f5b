//! PostgreSQL and Redis are spoken to over TLS where their address says so, and not if nobody vouches for who answers.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use postroad_testkit::TestDb;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::home::{self, Home};

/// Of `localhost`, and of who vouches for it.
struct Certificates(PathBuf);

impl Certificates {
    fn new(home: &Home) -> Self {
        let new = Self(home.path().to_owned());
        new.make("/CN=ours", &[], "ours");
        new.make("/CN=another", &[], "another");
        let vouched = [
            &["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"][..],
            &["-CA", &new.path("ours.pem"), "-CAkey", &new.path("ours.key")],
        ];
        new.make("/CN=localhost", &vouched.concat(), "server");
        new
    }

    fn make(&self, name: &str, more: &[&str], file: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        openssl.args(["-subj", name]).args(more);
        openssl.args(["-keyout", &self.path(&format!("{file}.key")), "-out", &self.path(&format!("{file}.pem"))]);
        let output = openssl.output().unwrap();
        assert!(output.status.success(), "{}", home::text(&output.stderr));
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }
}

/// What the doctor says about one thing.
fn check(home: &Home, id: &str) -> Value {
    let said = home::text(&home.output(&["doctor", "--json"]).stdout);
    let checks = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    checks.into_iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("nothing about {id}: {said}"))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Redis(Child);

impl Redis {
    /// It speaks TLS and nothing else.
    fn start(port: u16, certificates: &Certificates) -> Self {
        let mut redis = Command::new("redis-server");
        redis.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port.to_string(), "--save", ""]);
        redis.args([
            "--tls-cert-file",
            &certificates.path("server.pem"),
            "--tls-key-file",
            &certificates.path("server.key"),
        ]);
        redis.args(["--tls-ca-cert-file", &certificates.path("ours.pem"), "--tls-auth-clients", "no"]);
        redis.current_dir(&certificates.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = redis.spawn().unwrap();
        home::until("Redis listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self(child)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_spoken_to_over_tls_if_somebody_vouches_for_it() {
    let (db, home) = (TestDb::new().await, Home::new());
    let certificates = Certificates::new(&home);
    let port = free_port();
    let _redis = Redis::start(port, &certificates);
    let told = |scheme: &str, whom: &str| {
        let home = Home::new()
            .with("POSTROAD_DATABASE_URL", &db.urls.app)
            .with("POSTROAD_SYSTEM_URL", &db.urls.system)
            .with("POSTROAD_REDIS_URL", format!("{scheme}://localhost:{port}"))
            .with("SSL_CERT_FILE", certificates.path(whom));
        check(&home, "redis.up")
    };
    let vouched = told("rediss", "ours.pem");
    assert_eq!(vouched["verdict"], "ok", "{vouched}");
    for (scheme, whom) in [("rediss", "another.pem"), ("redis", "ours.pem")] {
        let refused = told(scheme, whom);
        assert_eq!(refused["verdict"], "warning", "{scheme} {whom}: {refused}");
    }
}

/// The private server of a home speaks TLS from now on.
async fn speak_tls(home: &Home, certificates: &Certificates) -> String {
    let server = home.server();
    let owner = fs::metadata(server.data_path()).unwrap().uid();
    chown(certificates.path("server.key"), Some(owner), None).unwrap();
    let mut db = PgConnection::connect(&server.url("postgres")).await.unwrap();
    for (name, value) in [
        ("ssl_cert_file", certificates.path("server.pem")),
        ("ssl_key_file", certificates.path("server.key")),
        ("ssl", "on".into()),
    ] {
        db.execute(AssertSqlSafe(format!("alter system set {name} = '{value}'"))).await.unwrap();
    }
    db.execute("select pg_reload_conf()").await.unwrap();
    server.url("postroad").replace("127.0.0.1", "localhost")
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_spoken_to_over_tls_if_somebody_vouches_for_it() {
    let home = Home::new();
    home.run(&["tenants", "create", "acme"]);
    let server = home.server();
    let certificates = Certificates::new(&home);
    let url = speak_tls(&home, &certificates).await;
    let keys = fs::read_to_string(home.data_dir().join("master.key")).unwrap();
    let told = |ends: &str, id: &str| {
        let home =
            Home::new().with("POSTROAD_DATABASE_URL", format!("{url}{ends}")).with("POSTROAD_MASTER_KEYS", keys.trim());
        check(&home, id)
    };
    let by = |whom: &str| format!("?sslmode=verify-full&sslrootcert={}", certificates.path(whom));
    home::until("the server speaks TLS", || told(&by("ours.pem"), "installation")["verdict"] == "ok");
    let vouched = told(&by("ours.pem"), "database.tls");
    assert_eq!((&vouched["verdict"], &vouched["evidence"]), (&"ok".into(), &"the connection is encrypted".into()));
    let refused = told(&by("another.pem"), "installation");
    assert_eq!(refused["verdict"], "skipped", "{refused}");
    // It ran until here.
    drop(server);
}
