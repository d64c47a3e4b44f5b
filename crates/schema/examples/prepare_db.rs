//! Brings an empty database to the newest schema, so that queries can be checked against it: `prepare_db ADMIN_URL NAME`.

use postroad_schema::{Urls, migrate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(admin), Some(name)) = (args.next(), args.next()) else {
        return Err("usage: prepare_db ADMIN_URL DATABASE_NAME".into());
    };
    let urls = Urls::beside(&admin, &name)?;
    migrate::make_roles(&admin, &urls).await?;
    migrate::run(&urls.owner).await?;
    Ok(())
}
