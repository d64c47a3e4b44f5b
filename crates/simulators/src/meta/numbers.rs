//! Business phone numbers, and what each of them and each app has received.

use hashbrown::HashMap;

use super::config::{MetaConfig, Number};
use super::limits::{Arrivals, Gate};

/// Numbers that `any_number` may create.
const NUMBERS_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) struct NumberState {
    pub(crate) number: Number,
    /// Of the displayed number: how webhooks name it.
    pub(crate) digits: String,
    pub(crate) arrivals: Arrivals,
    pub(crate) gate: Gate,
    pub(crate) accepted: u64,
    pub(crate) app: usize,
}

/// Numbers that share an app's limit.
#[derive(Debug)]
pub(crate) struct AppState {
    pub(crate) name: String,
    pub(crate) arrivals: Arrivals,
    pub(crate) gate: Gate,
}

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) all: Vec<NumberState>,
    pub(crate) apps: Vec<AppState>,
    by_id: HashMap<String, u32>,
}

impl Numbers {
    /// Takes over numbers and rates from a configuration, from `at` on. Numbers are never removed.
    pub(crate) fn configure(&mut self, config: &MetaConfig, at: u64) {
        for number in &config.numbers {
            self.set(number, config.app_rate_per_s, at);
        }
        for app in &mut self.apps {
            app.arrivals.set_rate(at, config.app_rate_per_s.unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn find(&self, phone_number_id: &str) -> Option<u32> {
        self.by_id.get(phone_number_id).copied()
    }

    /// The number with this id; an unknown one is created when `any_number` is on.
    pub(crate) fn find_or_create(&mut self, phone_number_id: &str, config: &MetaConfig, at: u64) -> Option<u32> {
        if let Some(known) = self.find(phone_number_id) {
            return Some(known);
        }
        let is_id = !phone_number_id.is_empty() && phone_number_id.bytes().all(|byte| byte.is_ascii_digit());
        if !config.any_number || !is_id || self.all.len() >= NUMBERS_MAX {
            return None;
        }
        let display_phone_number = format!("+1 555-01{:05}", self.all.len());
        let number = Number { phone_number_id: phone_number_id.to_owned(), display_phone_number, ..config.pattern() };
        Some(self.set(&number, config.app_rate_per_s, at))
    }

    fn set(&mut self, number: &Number, app_rate_per_s: Option<u32>, at: u64) -> u32 {
        let app = self.app(&number.app, app_rate_per_s);
        if let Some(index) = self.find(&number.phone_number_id) {
            let known = &mut self.all[index as usize];
            known.arrivals.set_rate(at, number.rate_per_s);
            known.digits = digits(number);
            (known.number, known.app) = (number.clone(), app);
            return index;
        }
        let index = u32::try_from(self.all.len()).expect("numbers are bounded");
        self.by_id.insert(number.phone_number_id.clone(), index);
        self.all.push(NumberState {
            number: number.clone(),
            digits: digits(number),
            arrivals: Arrivals::new(number.rate_per_s),
            gate: Gate::default(),
            accepted: 0,
            app,
        });
        index
    }

    fn app(&mut self, name: &str, rate_per_s: Option<u32>) -> usize {
        if let Some(at) = self.apps.iter().position(|app| app.name == name) {
            return at;
        }
        let arrivals = Arrivals::new(rate_per_s.unwrap_or(u32::MAX));
        self.apps.push(AppState { name: name.to_owned(), arrivals, gate: Gate::default() });
        self.apps.len() - 1
    }

    pub(crate) fn get(&self, index: u32) -> &NumberState {
        &self.all[index as usize]
    }

    /// Books an arrival for the number and its app.
    pub(crate) fn arrive(&mut self, index: u32, at: u64) {
        let number = &mut self.all[index as usize];
        number.arrivals.push(at);
        self.apps[number.app].arrivals.push(at);
    }

    pub(crate) fn admits_app(&mut self, index: u32, at: u64) -> bool {
        let app = &mut self.apps[self.all[index as usize].app];
        app.gate.admit(at, app.arrivals.rate())
    }

    pub(crate) fn admits(&mut self, index: u32, at: u64) -> bool {
        let number = &mut self.all[index as usize];
        number.gate.admit(at, number.arrivals.rate())
    }

    pub(crate) fn of_waba<'a>(&'a self, waba_id: &'a str) -> impl Iterator<Item = &'a NumberState> {
        self.all.iter().filter(move |number| number.number.waba_id == waba_id)
    }

    /// Forgets what was received; the numbers stay.
    pub(crate) fn reset(&mut self) {
        for number in &mut self.all {
            number.arrivals.clear();
            (number.gate, number.accepted) = (Gate::default(), 0);
        }
        for app in &mut self.apps {
            app.arrivals.clear();
            app.gate = Gate::default();
        }
    }
}

fn digits(number: &Number) -> String {
    number.display_phone_number.chars().filter(char::is_ascii_digit).collect()
}

impl MetaConfig {
    /// What numbers created by `any_number` look like: the first configured one, or the defaults.
    pub(crate) fn pattern(&self) -> Number {
        self.numbers.first().cloned().unwrap_or_default()
    }
}
