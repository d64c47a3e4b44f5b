//! How figures are told.

use serde::Serialize;

/// One measured number.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// What it is measured against, or on.
    pub of: String,
}

/// Prints figures as they come.
pub struct Report {
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, figures: Vec::new() }
    }

    #[expect(clippy::print_stdout, reason = "the figures are what the program is for")]
    pub(super) fn tell(&mut self, name: &str, value: f64, unit: &'static str, of: impl Into<String>) {
        let figure = Figure { name: name.to_owned(), value: rounded(value), unit, of: of.into() };
        if self.json {
            println!("{}", serde_json::to_string(&figure).expect("a figure is JSON"));
        } else {
            println!("{:<26} {:>12} {:<8} {}", figure.name, figure.value, figure.unit, figure.of);
        }
        self.figures.push(figure);
    }

    pub(super) fn into_figures(self) -> Vec<Figure> {
        self.figures
    }
}

/// Three digits behind the point for small numbers, none for large ones.
fn rounded(value: f64) -> f64 {
    let factor = if value.abs() >= 1_000.0 { 1.0 } else { 1_000.0 };
    (value * factor).round() / factor
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn large_numbers_are_whole_and_small_ones_have_three_digits() {
        assert_eq!((rounded(12_345.678), rounded(0.123_45)), (12_346.0, 0.123));
    }
}
