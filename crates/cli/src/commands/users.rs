//! `postroad users`: people who sign in.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use postroad_app::{
    App, mail,
    sign_in::{self, NewUser, Passwords, SignInError, User},
};
use postroad_core::{
    conversation::Role,
    ids::{MailId, UserId},
    mail::{MailKind, MailState},
};
use secrecy::SecretString;
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found, refused, usage},
    print::{Format, instant, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make somebody who signs in and works for a tenant; prints their id
    #[command(before_help = "\
Examples:
  postroad users create ada@shop.example --name 'Ada Obi' --password-file -
  postroad users create bo@shop.example --name Bo --password-file bo.txt \\
    --tenant shop --role agent")]
    Create {
        /// Address of mail
        email: String,
        /// For people [default: what stands before the @]
        #[arg(long)]
        name: Option<String>,
        /// File with the password, - for the standard input
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// What they may do: owner, admin, manager, agent, limited_agent
        #[arg(long, default_value = "owner")]
        role: Role,
        #[command(flatten)]
        whose: Whose,
    },
    /// Let somebody work for one more tenant, or in another role
    #[command(before_help = "\
Examples:
  postroad users join ada@shop.example --tenant acme --role manager")]
    Join {
        /// Address of mail
        email: String,
        /// What they may do: owner, admin, manager, agent, limited_agent
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        whose: Whose,
    },
    /// List everybody who can sign in
    #[command(before_help = "Examples:\n  postroad users list --json")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Give somebody a new password; ends all their sessions
    #[command(before_help = "Examples:\n  postroad users password ada@shop.example --password-file -")]
    Password {
        /// Address of mail
        email: String,
        /// File with the password, - for the standard input
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Let somebody make tenants and work for any of them
    #[command(before_help = "\
Examples:
  postroad users superadmin ada@shop.example
  postroad users superadmin ada@shop.example --revoke")]
    Superadmin {
        /// Address of mail
        email: String,
        /// No longer
        #[arg(long)]
        revoke: bool,
    },
    /// Let somebody in who lost their second factor
    #[command(before_help = "Examples:\n  postroad users codes-off ada@shop.example")]
    CodesOff {
        /// Address of mail
        email: String,
    },
    /// List the newest mails, and why one waits or failed
    #[command(before_help = "Examples:\n  postroad users mails --json")]
    Mails {
        #[command(flatten)]
        format: Format,
    },
    /// Shut somebody out of everything, at once
    #[command(before_help = "Examples:\n  postroad users disable ada@shop.example")]
    Disable {
        /// Address of mail
        email: String,
    },
    /// Let somebody in again
    #[command(before_help = "Examples:\n  postroad users enable ada@shop.example")]
    Enable {
        /// Address of mail
        email: String,
    },
}

#[derive(Serialize)]
struct Shown {
    id: UserId,
    email: String,
    name: String,
    disabled: bool,
    superadmin: bool,
    created_at: String,
}

/// Mails that are listed.
const MAILS: i64 = 100;

#[derive(Serialize)]
struct ShownMail {
    id: MailId,
    created_at: String,
    kind: MailKind,
    email: String,
    state: MailState,
    attempts: i32,
    /// When it is tried next, while it waits.
    due_at: Option<String>,
    reason: Option<String>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Create { email, name, password_file, role, whose } => {
            let tenant = whose.find(app, config).await?;
            let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
            let new = NewUser { email, name, password: password(&password_file)? };
            let user = sign_in::create(app, &Passwords::start(1), new, (tenant, role)).await.map_err(told)?;
            out(&format!("{}\n", user.id))?;
        }
        Command::Join { email, role, whose } => {
            let user = named(app, &email).await?;
            sign_in::join(app, &user, whose.find(app, config).await?, role).await.map_err(told)?;
        }
        Command::List { format } => {
            let superadmins = sign_in::superadmins(app).await.map_err(told)?;
            let shown: Vec<Shown> = everybody(app).await?.into_iter().map(|user| shown(user, &superadmins)).collect();
            format.list(&shown, &["email", "name", "may sign in", "superadmin", "id"], cells)?;
        }
        Command::Password { email, password_file } => {
            let user = named(app, &email).await?;
            let password = password(&password_file)?;
            sign_in::reset_password(app, &Passwords::start(1), &user, password).await.map_err(told)?;
        }
        Command::Superadmin { email, revoke } => {
            let user = named(app, &email).await?;
            sign_in::set_superadmin(app, user.id, !revoke).await.map_err(told)?;
        }
        Command::CodesOff { email } => {
            let user = named(app, &email).await?;
            sign_in::reset_second_factor(app, &user).await.map_err(told)?;
        }
        Command::Mails { format } => {
            let shown: Vec<ShownMail> = mail::list(app, MAILS).await?.into_iter().map(shown_mail).collect();
            format.list(&shown, &["written", "kind", "to", "state", "tried", "reason"], mail_cells)?;
        }
        Command::Disable { email } => switch(app, &email, true).await?,
        Command::Enable { email } => switch(app, &email, false).await?,
    }
    Ok(Exit::Ok)
}

async fn switch(app: &App, email: &str, disabled: bool) -> Result<()> {
    let user = named(app, email).await?;
    sign_in::set_disabled(app, user.id, disabled).await.map_err(told)
}

async fn named(app: &App, email: &str) -> Result<User> {
    let found = sign_in::find_user(app, email).await.map_err(told)?;
    found.ok_or_else(|| not_found(format!("nobody signs in as {email}")))
}

async fn everybody(app: &App) -> Result<Vec<User>> {
    let mut all: Vec<User> = Vec::new();
    loop {
        let page = sign_in::users(app, all.last().map(|user| user.id), PAGE).await.map_err(told)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The first line, without its end: editors put one there.
fn password(file: &Path) -> Result<SecretString> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}

fn shown(user: User, superadmins: &[UserId]) -> Shown {
    let User { id, email, name, disabled_at, created_at, .. } = user;
    let superadmin = superadmins.contains(&id);
    Shown { id, email, name, disabled: disabled_at.is_some(), superadmin, created_at: instant(created_at) }
}

fn cells(shown: &Shown) -> Vec<String> {
    let may = if shown.disabled { "no" } else { "yes" };
    let superadmin = if shown.superadmin { "yes" } else { "no" };
    vec![shown.email.clone(), shown.name.clone(), may.to_owned(), superadmin.to_owned(), shown.id.to_string()]
}

fn shown_mail(mail: mail::Shown) -> ShownMail {
    let mail::Shown { id, kind, email, state, attempts, due_at, reason, created_at } = mail;
    let due_at = (state == MailState::Waiting).then(|| instant(due_at));
    ShownMail { id, created_at: instant(created_at), kind, email, state, attempts, due_at, reason }
}

fn mail_cells(mail: &ShownMail) -> Vec<String> {
    let reason = mail.reason.clone().unwrap_or_default();
    let (kind, state) = (mail.kind.to_string(), mail.state.to_string());
    vec![mail.created_at.clone(), kind, mail.email.clone(), state, mail.attempts.to_string(), reason]
}

fn told(error: SignInError) -> anyhow::Error {
    match error {
        SignInError::EmailTaken | SignInError::Busy(_) | SignInError::NoSecondFactor => refused(error.to_string()),
        SignInError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
