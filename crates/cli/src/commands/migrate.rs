//! `postroad migrate`: roles, the queue's tables, ours.

use anyhow::Result;
use postroad_app::nudge::Nudges;

use crate::{
    config::Config,
    exit::{Exit, refused},
    print::note,
    start::{self, Missing, Schema},
};

#[derive(clap::Args)]
pub struct Args {
    /// Only tell what is missing; exit code 4 when something is
    #[arg(long)]
    check: bool,
}

pub async fn run(args: &Args, config: &Config) -> Result<Exit> {
    let opened = start::find(config).await?;
    let missing = opened.missing().await;
    if args.check {
        opened.stop().await?;
        return check(missing?);
    }
    let made = match missing {
        Ok(missing) => opened.make().await.map(|()| missing),
        Err(error) => Err(error),
    };
    opened.stop().await?;
    note(match made? {
        Missing::Nothing => "the schema was up to date",
        Missing::Some(_) => "the schema is up to date now",
        Missing::Everything => "the roles and the schema are made",
    })?;
    // Once through the start: the master keys leave their proof, and the first account is connected.
    start::start(config, Schema::Make, Nudges::none()).await?.stop().await?;
    Ok(Exit::Ok)
}

fn check(missing: Missing) -> Result<Exit> {
    match missing {
        Missing::Nothing => {
            note("the schema is up to date")?;
            Ok(Exit::Ok)
        }
        Missing::Some(count) => Err(refused(format!("{count} migrations are not applied"))),
        Missing::Everything => Err(refused("the database is empty")),
    }
}
