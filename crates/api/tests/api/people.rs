//! People who sign in, instead of programs that sign.

use chrono::TimeDelta;
use http::Method;
use postroad_app::sign_in::{self, NewUser, Passwords, SignInError};
use postroad_core::{conversation::Role, ids::TenantId, sign_in::Token};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, CSRF, PASSWORD, code, colleague, owner, refused},
    world::World,
};

#[tokio::test]
async fn the_first_person_owns_the_tenant_that_they_make_and_nobody_else_signs_up() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let me = ada.get("/v1/auth/me").await.json();
    assert_eq!((&me["user"]["email"], &me["works_for"]["slug"]), (&json!("Ada@shop.example"), &json!("shop")));
    assert_eq!((&me["works_for"]["role"], me["tenants"].as_array().unwrap().len()), (&json!("owner"), 1));
    let members = ada.get("/v1/members").await.json();
    assert_eq!((&members["data"][0]["name"], &members["data"][0]["role"]), (&json!("Ada"), &json!("owner")));
    let tenant = json!({"slug": "evil", "name": "x"});
    let second = json!({"email": "eve@evil.example", "name": "Eve", "password": PASSWORD, "tenant": tenant});
    assert_eq!(code(&Browser::new(&world).post("/v1/auth/signup", second).await), refused(403, "sign_up_closed"));
    assert_eq!(world.count("select count(*) from tenants where slug = 'evil'").await, 0);
    let stored = world.text("select password from users").await;
    assert!(stored.starts_with("$argon2id$") && !stored.contains(PASSWORD));
    let cookie = ada.cookie.clone().unwrap();
    let token = cookie.split_once('=').unwrap().1.to_owned();
    let hits: i64 =
        sqlx::query_scalar("select count(*) from sessions where encode(token_hash, 'escape') like '%' || $1 || '%'")
            .bind(token)
            .fetch_one(&mut world.db.admin().await)
            .await
            .unwrap();
    assert_eq!(hits, 0, "what the cookie holds is not stored");
}

#[tokio::test]
async fn weak_passwords_and_addresses_that_are_none_are_refused_with_what_is_wrong() {
    let world = World::new().await;
    let mut ada = Browser::new(&world);
    let cases = [
        ("ada@shop.example", "Ada", "short", "weak_password"),
        ("ada@shop.example", "Ada", "passwordpassword", "weak_password"),
        ("ada@shop.example", "Ada", "ada@shop.example", "weak_password"),
        ("ada", "Ada", PASSWORD, "invalid_email"),
        ("ada@shop.example", " ", PASSWORD, "invalid_name"),
    ];
    for (email, name, password, expected) in cases {
        let new = json!({"email": email, "name": name, "password": password, "tenant": {"slug": "shop", "name": "x"}});
        assert_eq!(code(&ada.post("/v1/auth/signup", new).await), refused(422, expected), "{email} {name} {password}");
    }
    assert_eq!(world.count("select count(*) from users").await + world.count("select count(*) from tenants").await, 0);
}

#[tokio::test]
async fn a_session_ends_after_a_day_without_use_and_after_a_week_of_use() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    for _ in 0..7 {
        world.clock.advance(TimeDelta::hours(23));
        assert_eq!(ada.get("/v1/auth/me").await.status, 200);
    }
    world.clock.advance(TimeDelta::hours(8));
    assert_eq!(code(&ada.get("/v1/auth/me").await), refused(401, "not_signed_in"), "a week is over");
    ada.log_in("ADA@shop.example ", PASSWORD).await;
    world.clock.advance(TimeDelta::hours(25));
    assert_eq!(code(&ada.get("/v1/members").await), refused(401, "not_signed_in"), "a day is over");
}

#[tokio::test]
async fn strangers_pages_change_nothing_with_somebodys_cookie() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let label = json!({"name": "vip", "color": "#ff0000"});
    let foreign: [&[(&str, &str)]; 4] = [
        &[],
        &[CSRF, ("sec-fetch-site", "cross-site")],
        &[CSRF, ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-origin")],
    ];
    for headers in foreign {
        let answer = ada.call_with(Method::POST, "/v1/labels", &label, headers).await;
        assert_eq!(code(&answer), refused(403, "foreign_page"), "{headers:?}");
        let answer = ada.call_with(Method::POST, "/v1/auth/logout", &Value::Null, headers).await;
        assert_eq!(code(&answer), refused(403, "foreign_page"), "{headers:?}");
    }
    assert_eq!(ada.post("/v1/labels", label).await.status, 201);
    assert_eq!(
        ada.call_with(Method::GET, "/v1/labels", &Value::Null, &[]).await.status,
        200,
        "reading changes nothing"
    );
}

#[tokio::test]
async fn wrong_passwords_wait_longer_and_strangers_get_the_same_answer() {
    let world = World::new().await;
    owner(&world).await;
    let mut browser = Browser::new(&world);
    let mut answers = Vec::new();
    for email in ["ada@shop.example", "nobody@shop.example"] {
        for _ in 0..5 {
            answers.push(code(&browser.log_in(email, "wrong horse battery staple").await));
        }
        let sixth = browser.log_in(email, PASSWORD).await;
        assert_eq!(code(&sixth), refused(429, "too_many_tries"), "{email}");
        assert!(sixth.headers.contains_key("retry-after"));
    }
    assert_eq!(answers, vec![refused(401, "wrong_credentials"); 10]);
    world.clock.advance(TimeDelta::seconds(2));
    assert_eq!(browser.log_in("ada@shop.example", PASSWORD).await.status, 200, "nobody is locked out");
    assert_eq!(world.count("select count(*) from sign_in_failures").await, 1, "who knows the password is forgiven");
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other() {
    let world = World::new().await;
    owner(&world).await;
    let guesses = (0..15)
        .map(async |_| code(&Browser::new(&world).log_in("ada@shop.example", "wrong horse battery staple").await));
    let answers = futures::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| **answer == refused(401, "wrong_credentials")).count();
    let waits = answers.iter().filter(|answer| **answer == refused(429, "too_many_tries")).count();
    assert_eq!((looked_at, waits), (5, 10));
}

#[tokio::test]
async fn a_stream_that_is_left_open_is_no_use_of_a_session() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let token = ada.cookie.as_deref().and_then(|cookie| Token::parse(cookie.split_once('=')?.1)).unwrap().hash();
    world.clock.advance(TimeDelta::hours(23));
    assert!(sign_in::still(&world.app, &token).await.unwrap().is_some());
    world.clock.advance(TimeDelta::hours(2));
    assert!(sign_in::still(&world.app, &token).await.unwrap().is_none());
    assert_eq!(code(&ada.get("/v1/auth/me").await), refused(401, "not_signed_in"));
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_an_address_of_mail_that_was_changed() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "agent").await;
    let bo_id = bo.get("/v1/auth/me").await.json()["works_for"]["member_id"].clone();
    let path = format!("/v1/members/{}", bo_id.as_str().unwrap());
    ada.call(Method::PATCH, &path, &json!({"email": "cy@shop.example"})).await;
    // Whoever works there already comes back as who they were, whatever the address says by now.
    let again = ada.invite("bo@shop.example", "manager").await.json();
    let accepted = bo.accept(&again["token"], "Bo", PASSWORD).await.json();
    assert_eq!((&accepted["works_for"]["member_id"], &accepted["works_for"]["role"]), (&bo_id, &json!("manager")));
    // And who really has that address does not become them.
    let user = NewUser { email: "cy@shop.example".into(), name: "Cy".into(), password: PASSWORD.into() };
    let tenant = world.text("select id::text from tenants where slug = 'shop'").await;
    let tenant = TenantId::from_uuid(tenant.parse().unwrap());
    let made = sign_in::create(&world.app, &Passwords::start(1), user, (tenant, Role::Agent)).await;
    assert!(matches!(made, Err(SignInError::SomebodyElse)));
    assert_eq!(world.count("select count(*) from users").await, 2, "nothing is half done");
    assert_eq!(bo.get("/v1/auth/me").await.json()["works_for"]["member_id"], bo_id);
}

#[tokio::test]
async fn who_is_invited_works_for_the_tenant_in_the_role_that_they_were_given() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let invited = ada.invite("bo@shop.example", "agent").await;
    let token = invited.json()["token"].clone();
    assert_eq!(code(&ada.invite("BO@shop.example", "agent").await), refused(409, "already_invited"));
    let mut bo = Browser::new(&world);
    let accepted = bo.accept(&token, "Bo", PASSWORD).await.json();
    assert_eq!((&accepted["works_for"]["slug"], &accepted["works_for"]["role"]), (&json!("shop"), &json!("agent")));
    assert_eq!(code(&bo.accept(&token, "Bo", PASSWORD).await), refused(404, "no_such_invitation"), "once");
    assert_eq!(code(&ada.invite("bo@shop.example", "agent").await), refused(409, "already_member"));
    assert_eq!(bo.get("/v1/conversations").await.status, 200);
    assert_eq!(code(&bo.invite("cy@shop.example", "agent").await), refused(403, "missing_scope"));
    let listed = ada.get("/v1/invitations").await.json();
    assert_eq!((&listed["data"][0]["state"], &listed["data"][0]["token"]), (&json!("accepted"), &Value::Null));
    assert!(listed["data"][0]["invited_by"].as_str().unwrap().starts_with("mem_"));
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_or_is_old_leads_nowhere() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let taken_back = ada.invite("bo@shop.example", "agent").await.json();
    let path = format!("/v1/invitations/{}", taken_back["id"].as_str().unwrap());
    assert_eq!(ada.call(Method::DELETE, &path, &Value::Null).await.status, 204);
    assert_eq!(code(&ada.call(Method::DELETE, &path, &Value::Null).await), refused(404, "not_found"));
    let old = ada.invite("bo@shop.example", "agent").await.json();
    world.clock.advance(TimeDelta::days(7));
    let mut bo = Browser::new(&world);
    for token in [&taken_back["token"], &old["token"], &json!("no token at all")] {
        assert_eq!(code(&bo.accept(token, "Bo", PASSWORD).await), refused(404, "no_such_invitation"));
    }
    ada.log_in("ada@shop.example", PASSWORD).await;
    assert_eq!(ada.invite("bo@shop.example", "agent").await.status, 201, "an old one is in nobody's way");
}

#[tokio::test]
async fn somebody_who_works_for_two_tenants_switches_and_the_old_cookie_opens_nothing() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let other = world.tenant().await;
    let program = world.caller(other.id).await;
    let invited = program.post("/v1/invitations", &json!({"email": "ada@shop.example", "role": "manager"})).await;
    assert_eq!(invited.status, 201, "{}", invited.json());
    let wrong = ada.accept(&invited.json()["token"], "Ada", "wrong horse battery staple").await;
    assert_eq!(code(&wrong), refused(401, "wrong_credentials"), "whoever is known proves that it is them");
    let accepted = ada.accept(&invited.json()["token"], "Ada", PASSWORD).await.json();
    assert_eq!((&accepted["works_for"]["role"], accepted["tenants"].as_array().unwrap().len()), (&json!("manager"), 2));
    let old = ada.cookie.clone();
    let shop =
        accepted["tenants"].as_array().unwrap().iter().find(|one| one["slug"] == "shop").unwrap()["tenant_id"].clone();
    let switched = ada.post("/v1/auth/switch-tenant", json!({"tenant_id": shop})).await.json();
    assert_eq!(switched["works_for"]["role"], "owner");
    let mut before = Browser { cookie: old, ..Browser::new(&world) };
    assert_eq!(code(&before.get("/v1/auth/me").await), refused(401, "not_signed_in"));
    let user = sign_in::find_user(&world.app, "ada@shop.example").await.unwrap().unwrap();
    sign_in::set_superadmin(&world.app, user.id, false).await.unwrap();
    let third = world.tenant().await.id;
    let nowhere = ada.post("/v1/auth/switch-tenant", json!({"tenant_id": third})).await;
    assert_eq!(code(&nowhere), refused(404, "not_found"));
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_needs_the_old_one() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    world.clock.advance(TimeDelta::seconds(1));
    let mut phone = Browser::new(&world);
    phone.log_in("ada@shop.example", PASSWORD).await;
    let sessions = phone.get("/v1/auth/sessions").await.json();
    let current: Vec<&Value> = sessions["items"].as_array().unwrap().iter().map(|one| &one["current"]).collect();
    assert_eq!(current, [&json!(true), &json!(false)]);
    let new = "another horse entirely, on a hill";
    let wrong = ada.post("/v1/auth/password", json!({"old": "wrong horse battery staple", "new": new})).await;
    assert_eq!(code(&wrong), refused(401, "wrong_credentials"));
    let changed = ada.post("/v1/auth/password", json!({"old": PASSWORD, "new": new})).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    assert_eq!((ada.get("/v1/auth/me").await.status, phone.get("/v1/auth/me").await.status), (200, 401));
    assert_eq!(code(&phone.log_in("ada@shop.example", PASSWORD).await), refused(401, "wrong_credentials"));
    assert_eq!(phone.log_in("ada@shop.example", new).await.status, 200);
    assert_eq!(phone.call(Method::DELETE, "/v1/auth/sessions", &Value::Null).await.status, 204);
    assert_eq!((ada.get("/v1/auth/me").await.status, phone.get("/v1/auth/me").await.status), (401, 200));
    assert_eq!(phone.post("/v1/auth/logout", Value::Null).await.status, 204);
    assert_eq!((phone.cookie.clone(), phone.get("/v1/auth/me").await.status), (None, 401));
}

#[tokio::test]
async fn nobody_gives_a_role_above_their_own_nor_changes_somebody_who_has_one() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let owner_id = ada.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    let mut admin = colleague(&world, &mut ada, "bo@shop.example", "admin").await;
    assert_eq!(code(&admin.invite("cy@shop.example", "owner").await), refused(403, "role_too_high"));
    let me = admin.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    for (id, change) in [(&me, json!({"role": "owner"})), (&owner_id, json!({"active": false}))] {
        let answer = admin.call(Method::PATCH, &format!("/v1/members/{id}"), &change).await;
        assert_eq!(code(&answer), refused(403, "role_too_high"), "{change}");
    }
    let made = admin.post("/v1/members", json!({"name": "Cy", "role": "owner"})).await;
    assert_eq!(code(&made), refused(403, "role_too_high"));
    assert_eq!(admin.invite("cy@shop.example", "admin").await.status, 201);
}

#[tokio::test]
async fn who_does_not_work_for_a_tenant_any_more_is_out_with_the_next_request() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "agent").await;
    let id = bo.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    assert_eq!(bo.get("/v1/contacts").await.status, 200);
    let put_out = ada.call(Method::PATCH, &format!("/v1/members/{id}"), &json!({"active": false})).await;
    assert_eq!(put_out.status, 200, "{}", put_out.json());
    assert_eq!(code(&bo.get("/v1/contacts").await), refused(403, "works_for_nobody"));
    let me = bo.get("/v1/auth/me").await.json();
    assert_eq!((&me["works_for"], &me["tenants"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn a_person_speaks_for_nobody_but_themselves() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut bo = colleague(&world, &mut ada, "bo@shop.example", "agent").await;
    let ada_id = ada.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    let bo_id = bo.get("/v1/auth/me").await.json()["works_for"]["member_id"].as_str().unwrap().to_owned();
    let theirs = bo.get(&format!("/v1/notifications?member_id={ada_id}")).await;
    assert_eq!(code(&theirs), refused(403, "not_yourself"));
    assert_eq!(bo.get(&format!("/v1/notifications?member_id={bo_id}")).await.status, 200);
    let view = json!({"name": "mine", "member_id": ada_id, "filter": {}});
    assert_eq!(code(&bo.post("/v1/views", view.clone()).await), refused(403, "not_yourself"));
    let own = ada.post("/v1/views", view).await.json()["id"].as_str().unwrap().to_owned();
    for (method, body) in
        [(Method::GET, Value::Null), (Method::PATCH, json!({"name": "x"})), (Method::DELETE, Value::Null)]
    {
        let answer = bo.call(method, &format!("/v1/views/{own}"), &body).await;
        assert_eq!(code(&answer), refused(404, "not_found"), "another's own view is as unknown as a random one");
    }
    assert_eq!(ada.get(&format!("/v1/views/{own}")).await.json()["name"], "mine");
}

#[tokio::test]
async fn an_agent_reaches_no_route_of_a_manager_and_a_manager_none_of_an_admin() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut manager = colleague(&world, &mut ada, "bo@shop.example", "manager").await;
    let mut agent = colleague(&world, &mut ada, "cy@shop.example", "agent").await;
    for (path, of_manager) in [("/v1/campaigns", 200), ("/v1/automations", 200), ("/v1/api-clients", 403)] {
        assert_eq!((ada.get(path).await.status, manager.get(path).await.status), (200, of_manager), "{path}");
        assert_eq!(code(&agent.get(path).await), refused(403, "missing_scope"), "{path}");
    }
    let pause = json!({"reason": "x"});
    assert_eq!(code(&manager.post("/v1/tenant/pause", pause).await), refused(403, "missing_scope"));
}
