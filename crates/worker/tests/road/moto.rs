//! Moto, a stand-in for S3 that others wrote: <https://github.com/getmoto/moto>. Installed once into the build folder.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use postroad_media::S3;
use reqwest::StatusCode;

pub const BUCKET: &str = "postroad-files";

/// A running server with an empty bucket. It ends with this.
pub struct Moto {
    child: Child,
    pub s3: S3,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    pub async fn start() -> Self {
        let program = program().expect("moto can be installed: python3, venv and PyPI are there");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let s3 = S3 {
            endpoint: Some(endpoint.clone()),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".to_owned().into(),
            path_style: true,
        };
        let moto = Self { child, s3 };
        make_bucket(&endpoint).await;
        moto
    }
}

/// Nobody checks who makes a bucket at a stand-in.
async fn make_bucket(endpoint: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    for _ in 0..300 {
        let made = client.put(format!("{endpoint}/{BUCKET}")).send().await;
        if made.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("moto does not answer within 30 s");
}

fn program() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let python = venv.join("bin/python");
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let ready = || quiet(Command::new(&python).args(["-c", "import moto.server"]));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/moto/requirements.txt");
    let there = ready()
        || (quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            && quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))
            && ready());
    there.then_some(python)
}
