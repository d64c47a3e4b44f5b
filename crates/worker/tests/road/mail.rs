//! Mail of the installation itself, through a real server.

use std::{net::IpAddr, sync::Arc, time::Duration};

use postroad_app::{
    App,
    mail::{self, Shown},
    sign_in::{self, Accepting, LoggedIn, NewInvitation, NewUser, Opened, Passwords, Place, SignInError},
    system::{self, Settings},
};
use postroad_core::{actor::Actor, conversation::Role, mail::MailState, sign_in::Token, unknown::Graces};
use postroad_simulators::meta::MetaConfig;
use serde_json::{Value, json};

use crate::{
    smtp::{Smtp, free_port, mailing},
    world::World,
};

const PASSWORD: &str = "correct horse battery staple";
const NEW: &str = "another horse entirely, on a hill";

async fn world(port: u16) -> World {
    let mut world = World::new(MetaConfig::default()).await;
    world.app.mail = Some(Arc::new(mailing(port, "a%20secret", "?tls=none")));
    world
}

fn place() -> Place {
    Place { ip: IpAddr::from([192, 0, 2, 7]), agent: "test".to_owned() }
}

async fn user(world: &World, email: &str) {
    let new = NewUser { email: email.into(), name: "Ada".into(), password: PASSWORD.into() };
    sign_in::create(&world.app, &Passwords::start(1), new, (world.seed.tenant, Role::Owner)).await.unwrap();
}

async fn log_in(world: &World, password: &str) -> Opened {
    let passwords = Passwords::start(1);
    match sign_in::log_in(&world.app, &passwords, "ada@shop.example", password.into(), &place()).await.unwrap() {
        LoggedIn::Whole(opened) => *opened,
        LoggedIn::Half(_) => panic!("nobody has a second factor"),
    }
}

/// What stands behind `#` in the link of a mail; the same one in its text and its markup.
fn word(mail: &Value) -> Token {
    let text = mail["text"].as_str().unwrap();
    let word = text.split_once('#').expect("there is a link").1.lines().next().unwrap().trim();
    assert!(mail["html"].as_str().unwrap().contains(word));
    Token::parse(word).unwrap()
}

/// The newest mail to an address, when it is as wanted; waits for it, at most half a minute.
async fn row(app: &App, email: &str, wanted: impl Fn(&Shown) -> bool) -> Shown {
    for _ in 0..600 {
        let found = mail::list(app, 100).await.unwrap().into_iter().find(|mail| mail.email == email);
        if let Some(found) = found.filter(&wanted) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no such mail to {email} within half a minute");
}

#[tokio::test]
async fn whoever_forgot_gets_a_word_that_works_once_and_puts_everybody_else_out() {
    let port = free_port();
    let (smtp, mut world) = (Smtp::start(port), world(port).await);
    let (stop, _tasks) = world.work(Graces::default());
    let passwords = Passwords::start(1);
    user(&world, "Ada@shop.example").await;
    let session = log_in(&world, PASSWORD).await;
    sign_in::forget_password(&world.app, "ada@shop.example").await.unwrap();
    sign_in::forget_password(&world.app, "nobody@shop.example").await.unwrap();
    let told = smtp.mail("ada@shop.example", "A new password").await;
    assert_eq!(
        (&told["auto_submitted"], &told["from"]),
        (&json!("auto-generated"), &json!("Postroad <postroad@messages.example>"))
    );
    assert!(told["id"].as_str().unwrap().ends_with("@messages.example>"), "{}", told["id"]);
    let reset = word(&told);
    let dump: String =
        sqlx::query_scalar("select string_agg(m::text, ' ') from mails m").fetch_one(world.seed.conn()).await.unwrap();
    assert!(!dump.contains(&reset.reveal()), "no word lies among the mails");
    let weak = sign_in::reset_by_word(&world.app, &passwords, &reset, "short".into(), &place()).await;
    assert!(matches!(weak, Err(SignInError::Weak(_))), "a mistake costs no word");
    sign_in::reset_by_word(&world.app, &passwords, &reset, NEW.into(), &place()).await.unwrap();
    let again = sign_in::reset_by_word(&world.app, &passwords, &reset, PASSWORD.into(), &place()).await;
    assert!(matches!(again, Err(SignInError::NoSuchWord)));
    assert!(sign_in::find(&world.app, &session.token.hash()).await.unwrap().is_none(), "sessions have ended");
    let signed_in = log_in(&world, NEW).await;
    let myself = sign_in::me(&world.app, signed_in.signed_in.user).await.unwrap();
    assert!(myself.user.verified_at.is_some(), "whoever has the word reads mail there");
    smtp.mail("Ada@shop.example", "Your password was changed").await;
    row(&world.app, "nobody@shop.example", |mail| mail.state == MailState::Dropped).await;
    assert!(smtp.taken("nobody@shop.example").is_empty());
    stop.cancel();
}

#[tokio::test]
async fn an_address_is_proven_by_its_own_mail_and_by_an_invitation_that_came_there() {
    let port = free_port();
    let (smtp, world) = (Smtp::start(port), world(port).await);
    let (stop, _tasks) = world.work(Graces::default());
    let passwords = Passwords::start(1);
    user(&world, "ada@shop.example").await;
    let proof = word(&smtp.mail("ada@shop.example", "Is this your address?").await);
    sign_in::verify_email(&world.app, &proof).await.unwrap();
    assert!(matches!(sign_in::verify_email(&world.app, &proof).await, Err(SignInError::NoSuchWord)));
    assert!(sign_in::find_user(&world.app, "ada@shop.example").await.unwrap().unwrap().verified_at.is_some());
    for (email, by_mail) in [("bo@shop.example", true), ("cy@shop.example", false)] {
        let new = NewInvitation { email: email.into(), role: Role::Agent, department: None };
        let invited = sign_in::invite(&world.app, world.seed.tenant, Actor::Operator, None, new).await.unwrap();
        let told = smtp.mail(email, &subject(&world).await).await;
        let token = if by_mail { word(&told) } else { invited.token };
        let accepting = Accepting { token, name: Some("Bo".into()), password: PASSWORD.into(), code: None };
        sign_in::accept(&world.app, &passwords, accepting, &place()).await.unwrap();
        let made = sign_in::find_user(&world.app, email).await.unwrap().unwrap();
        assert_eq!(made.verified_at.is_some(), by_mail, "whoever was told the word by somebody else proves nothing");
    }
    smtp.mail("cy@shop.example", "Is this your address?").await;
    stop.cancel();
}

async fn subject(world: &World) -> String {
    let tenant = postroad_app::tenants::get(&world.app, world.seed.tenant).await.unwrap();
    format!("Work for {}", tenant.name)
}

#[tokio::test]
async fn a_mail_says_who_sends_it_once_superadmins_have_named_the_installation() {
    let port = free_port();
    let (smtp, world) = (Smtp::start(port), world(port).await);
    let (stop, _tasks) = world.work(Graces::default());
    user(&world, "bo@shop.example").await;
    let unnamed = smtp.mail("bo@shop.example", "Is this your address?").await;
    assert!(!unnamed["text"].as_str().unwrap().contains("This mail comes from"), "{unnamed}");
    let new_tenants = system::get(&world.app).await.unwrap().new_tenants;
    let (name, support_email) = (Some("Our Desk".to_owned()), Some("help@desk.example".to_owned()));
    system::set(&world.app, Settings { name, support_email, new_tenants }).await.unwrap();
    user(&world, "ada@shop.example").await;
    let named = smtp.mail("ada@shop.example", "Is this your address?").await;
    for part in ["text", "html"] {
        let said = named[part].as_str().unwrap();
        assert!(said.contains("This mail comes from Our Desk.") && said.contains("help@desk.example"), "{said}");
    }
    stop.cancel();
}

#[tokio::test]
async fn a_server_that_says_later_is_asked_again_and_one_that_says_never_is_not() {
    let port = free_port();
    let (smtp, world) = (Smtp::start(port), world(port).await);
    let (stop, _tasks) = world.work(Graces::default());
    for email in ["later@shop.example", "never@shop.example"] {
        user(&world, email).await;
    }
    let refused = row(&world.app, "never@shop.example", |mail| mail.state == MailState::Failed).await;
    assert!(refused.attempts == 1 && refused.reason.unwrap().contains("there is no such mailbox"));
    let waits = row(&world.app, "later@shop.example", |mail| mail.reason.is_some()).await;
    assert!(waits.reason.unwrap().contains("come again in a moment"));
    smtp.mail("later@shop.example", "Is this your address?").await;
    assert_eq!(row(&world.app, "later@shop.example", |mail| mail.state == MailState::Sent).await.attempts, 2);
    assert_eq!(smtp.taken("later@shop.example").len(), 1);
    stop.cancel();
}

#[tokio::test]
async fn mail_waits_for_a_server_that_is_away_and_says_why() {
    let port = free_port();
    let world = world(port).await;
    let (stop, _tasks) = world.work(Graces::default());
    user(&world, "ada@shop.example").await;
    let waits = row(&world.app, "ada@shop.example", |mail| mail.reason.is_some()).await;
    assert_eq!(waits.state, MailState::Waiting);
    let reason = waits.reason.unwrap();
    assert!(reason.contains("refused") && !reason.contains("secret"), "{reason}");
    let smtp = Smtp::start(port);
    smtp.mail("ada@shop.example", "Is this your address?").await;
    stop.cancel();
}

#[tokio::test]
async fn nothing_is_said_without_tls_unless_the_operator_wants_it() {
    waits_and_says("", "a%20secret", "STARTTLS").await;
}

#[tokio::test]
async fn a_wrong_password_of_ours_ends_no_mail() {
    waits_and_says("?tls=none", "wrong", "535").await;
}

async fn waits_and_says(query: &str, password: &str, said: &str) {
    let port = free_port();
    let (smtp, mut world) = (Smtp::start(port), world(port).await);
    world.app.mail = Some(Arc::new(mailing(port, password, query)));
    let (stop, _tasks) = world.work(Graces::default());
    user(&world, "ada@shop.example").await;
    let waits = row(&world.app, "ada@shop.example", |mail| mail.reason.is_some()).await;
    let reason = waits.reason.unwrap_or_default();
    assert!(waits.state == MailState::Waiting && reason.contains(said), "{reason}");
    assert!(smtp.taken("ada@shop.example").is_empty());
    stop.cancel();
}
