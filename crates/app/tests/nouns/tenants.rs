//! Making tenants, and stopping and starting them.

use postroad_app::{
    business::Business,
    tenants::{self, NewTenant, Settings, TenantError},
};
use postroad_core::{
    gates::{Cap, CapKind},
    quiet_hours::QuietHours,
};

use crate::world::World;

fn new(slug: &str) -> NewTenant {
    let (time_zone, quiet_hours) = (Some("Europe/Paris".into()), Some(QuietHours::DEFAULT));
    NewTenant { time_zone, quiet_hours, ..NewTenant::named(slug, "Acme") }
}

fn settings() -> Settings {
    Settings {
        name: "Acme".into(),
        time_zone: "Europe/Paris".into(),
        quiet_hours: Some(QuietHours::DEFAULT),
        caps: vec![Cap { kind: CapKind::Rolling, window_s: 604_800, max: 3 }],
        business: Business { website: Some("https://acme.example".into()), ..Business::default() },
    }
}

#[tokio::test]
async fn a_tenant_is_made_once_per_slug_and_keeps_its_settings() {
    let world = World::new().await;
    let id = tenants::create(&world.app, &new("acme")).await.unwrap();
    let again = tenants::create(&world.app, &new("acme")).await;
    assert!(matches!(again, Err(TenantError::SlugTaken(slug)) if slug == "acme"));
    assert_eq!(tenants::find_by_slug(&world.app, "acme").await.unwrap(), Some(id));

    let tenant = tenants::get(&world.app, id).await.unwrap();
    assert_eq!((tenant.name.as_str(), tenant.time_zone.as_str()), ("Acme", "Europe/Paris"));
    assert_eq!((tenant.quiet_hours, tenant.caps), (Some(QuietHours::DEFAULT), vec![]));
    assert_eq!(tenant.business, Business::default());

    let changed = Settings { quiet_hours: None, time_zone: "UTC".into(), ..settings() };
    tenants::update(&world.app, id, &changed).await.unwrap();
    let tenant = tenants::get(&world.app, id).await.unwrap();
    assert_eq!((tenant.quiet_hours, tenant.time_zone.as_str()), (None, "UTC"));
    assert_eq!(tenant.caps, settings().caps);
    assert_eq!(tenant.business.website.as_deref(), Some("https://acme.example/"));
}

#[tokio::test]
async fn settings_that_no_tenant_can_have_are_refused_by_name() {
    let world = World::new().await;
    let refused = async |new: NewTenant| tenants::create(&world.app, &new).await.unwrap_err();
    assert!(matches!(refused(new("Acme!")).await, TenantError::Slug(_)));
    let zone = NewTenant { time_zone: Some("Mars/Base".into()), ..new("b") };
    assert!(matches!(refused(zone).await, TenantError::UnknownZone(_)));
    assert!(matches!(refused(NewTenant { name: String::new(), ..new("b") }).await, TenantError::Name));
}

#[tokio::test]
async fn pages_of_tenants_show_everybody_once() {
    let world = World::new().await;
    for slug in ["a", "b", "c"] {
        tenants::create(&world.app, &new(slug)).await.unwrap();
    }
    let first = tenants::list(&world.app, None, 2).await.unwrap();
    let rest = tenants::list(&world.app, Some(first[1].id), 2).await.unwrap();
    let mut slugs: Vec<String> = first.into_iter().chain(rest).map(|tenant| tenant.slug).collect();
    slugs.sort();
    assert_eq!(slugs, ["a", "b", "c"]);
}
