//! Where bytes lie: a folder, or a bucket of any service that speaks S3.
//!
//! A key is the tenant and the hash of the bytes, so that the same file twice is one object of a tenant, and no key says
//! anything of a person. Writing the same object again changes nothing; deleting one that is not there is no error.

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, memory::InMemory, path::Path,
};
use postroad_core::ids::TenantId;
use secrecy::{ExposeSecret, SecretString};

/// Connecting to the bucket, one call, and one call with its repetitions.
const CONNECT_MAX: Duration = Duration::from_secs(3);
const CALL_MAX: Duration = Duration::from_secs(20);
const RETRIES_MAX: usize = 3;

/// Where to keep them.
#[derive(Clone)]
pub enum Place {
    /// Made when it is not there.
    Folder(PathBuf),
    S3(S3),
}

/// A bucket.
#[derive(Clone)]
pub struct S3 {
    /// None: Amazon's own.
    pub endpoint: Option<String>,
    pub bucket: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    /// The bucket stands in the path and not in the name of the host.
    pub path_style: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("there is no such object")]
    Missing,
    #[error("files cannot be kept there: {0}")]
    Away(String),
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Away(other.to_string()),
        }
    }
}

type Result<T> = std::result::Result<T, ObjectError>;

/// Which of the objects of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Whole,
    Thumbnail,
}

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Path);

impl Key {
    /// `sha256`: of the whole file, 64 digits.
    pub fn of(tenant: TenantId, sha256: &str, variant: Variant) -> Self {
        let suffix = match variant {
            Variant::Whole => "",
            Variant::Thumbnail => "-small",
        };
        Self(Path::from(format!("{}/{sha256}{suffix}", tenant.uuid().simple())))
    }
}

/// An object that is being read.
pub struct Reading {
    /// Of the whole object.
    pub size: u64,
    /// Which of its bytes come.
    pub range: Range<u64>,
    pub bytes: BoxStream<'static, Result<Bytes>>,
}

/// All objects of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

impl Objects {
    pub fn open(place: &Place) -> Result<Self> {
        let store: Arc<dyn ObjectStore> = match place {
            Place::Folder(folder) => Arc::new(open_folder(folder)?),
            Place::S3(s3) => Arc::new(open_s3(s3)?),
        };
        Ok(Self { store })
    }

    /// Gone with the process: for tests, and for commands that touch no file.
    pub fn in_memory() -> Self {
        Self { store: Arc::new(InMemory::new()) }
    }

    pub async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        self.store.put(&key.0, bytes.into()).await?;
        Ok(())
    }

    /// `range`: of the first byte, and of the one behind the last; none: all.
    pub async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Reading> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&key.0, options).await?;
        let (size, range) = (found.meta.size, found.range.clone());
        let bytes = found.into_stream().map(|piece| piece.map_err(ObjectError::from)).boxed();
        Ok(Reading { size, range, bytes })
    }

    pub async fn is_there(&self, key: &Key) -> Result<bool> {
        match self.store.head(&key.0).await.map_err(ObjectError::from) {
            Ok(_) => Ok(true),
            Err(ObjectError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn delete(&self, key: &Key) -> Result<()> {
        match self.store.delete(&key.0).await.map_err(ObjectError::from) {
            Ok(()) | Err(ObjectError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes, reads and deletes an object of no tenant: whether all of that may be done here.
    pub async fn probe(&self) -> Result<()> {
        let path = Path::from("probe");
        let written = Bytes::from_static(b"postroad");
        self.store.put(&path, written.clone().into()).await?;
        let read = self.store.get(&path).await?.bytes().await?;
        self.store.delete(&path).await?;
        let same = read == written;
        same.then_some(()).ok_or_else(|| ObjectError::Away("what was written is not what is read".to_owned()))
    }
}

fn open_folder(folder: &PathBuf) -> Result<LocalFileSystem> {
    let away = |error: std::io::Error| ObjectError::Away(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(away)?;
    Ok(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))
}

fn open_s3(s3: &S3) -> Result<object_store::aws::AmazonS3> {
    // A second installation finds the first: equal.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_plain = s3.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let options =
        ClientOptions::new().with_timeout(CALL_MAX).with_connect_timeout(CONNECT_MAX).with_allow_http(is_plain);
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: CALL_MAX, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_client_options(options)
        .with_retry(retry)
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_access_key_id(&s3.access_key_id)
        .with_secret_access_key(s3.secret_access_key.expose_secret())
        .with_virtual_hosted_style_request(!s3.path_style);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    fn key(digit: char) -> Key {
        Key::of(TenantId::from_uuid(uuid::Uuid::nil()), &digit.to_string().repeat(64), Variant::Whole)
    }

    async fn all(reading: Reading) -> Vec<u8> {
        reading.bytes.try_collect::<Vec<_>>().await.unwrap().concat()
    }

    #[tokio::test]
    async fn what_was_put_is_read_whole_and_in_parts_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = Objects::open(&Place::Folder(folder.path().join("media"))).unwrap();
        for objects in [in_folder, Objects::in_memory()] {
            objects.probe().await.unwrap();
            for _ in 0..2 {
                objects.put(&key('a'), Bytes::from_static(b"0123456789")).await.unwrap();
            }
            assert_eq!(all(objects.read(&key('a'), None).await.unwrap()).await, b"0123456789");
            let part = objects.read(&key('a'), Some(3..6)).await.unwrap();
            assert_eq!((part.size, part.range.clone()), (10, 3..6));
            assert_eq!(all(part).await, b"345");
            for _ in 0..2 {
                objects.delete(&key('a')).await.unwrap();
            }
            assert!(!objects.is_there(&key('a')).await.unwrap());
            assert!(matches!(objects.read(&key('a'), None).await, Err(ObjectError::Missing)));
        }
    }

    #[test]
    fn a_key_is_the_tenant_and_the_hash() {
        assert_eq!(key('b').0.as_ref(), format!("{}/{}", "0".repeat(32), "b".repeat(64)));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_with_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let inside = file.path().join("media");
        let error = Objects::open(&Place::Folder(inside.clone())).err().unwrap();
        assert!(error.to_string().contains(&inside.display().to_string()), "{error}");
    }
}
