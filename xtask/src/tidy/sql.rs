//! SQL lives in crates/store and migrations: no other room names sqlx's queries or holds a statement in a string.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tokens::{self, Kind, Token};
use super::tree::{File, Tree};

const HOMES: &[&str] = &["crates/store/", "crates/schema/", "crates/testkit/", "crates/e2e/"];
const FIX: &str = "write a function in crates/store, and call it";

/// How a statement begins, strictly enough that English ("select a segment", "update the template") is not one.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    let starts = [
        r"select\s(.*\sfrom\s|\d|\w+\()",
        r"insert\s+into\s",
        r"update\s+[\w.]+(\s+\w+)?\s+set\s",
        r"delete\s+from\s",
        r"with\s+\w+\s+as\s*(materialized\s*)?\(",
        r"(create|alter|drop)\s+(table|index|role|schema|function|policy)\s",
    ];
    Regex::new(&format!(r"(?is)^(\\n|\s)*({})", starts.join("|"))).expect("the pattern is valid")
});

pub fn check(tree: &Tree) -> Vec<Finding> {
    let away = |file: &&File| !file.is_test() && !HOMES.iter().any(|home| file.path.starts_with(home));
    tree.rust().filter(away).flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let queries = tokens::find(&file.tokens, "sqlx : : query*").into_iter();
    let queries = queries.filter(|token| !token.in_test).map(|token| (token, "a query outside crates/store"));
    let statements = file.tokens.iter().filter(|token| is_statement(token));
    let statements = statements.map(|token| (token, "a statement of SQL outside crates/store"));
    queries.chain(statements).map(|(token, said)| Finding::new(&file.path, token.line, said, FIX)).collect()
}

fn is_statement(token: &Token) -> bool {
    token.kind == Kind::Text && !token.in_test && STATEMENT.is_match(&token.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, literal: &str) -> usize {
        check(&Tree::of(&[(path, &format!("fn f() {{ run({literal:?}); }}"))])).len()
    }

    #[test]
    fn statements_are_told_from_english() {
        let statements = [
            "select id from messages",
            "\n  SELECT count(*)",
            "select 1",
            "insert into contacts (id) values ($1)",
            "update sends s set state = 'queued'",
            "delete from sends",
            "with due as (select id from sends) select 1",
        ];
        for statement in statements {
            assert_eq!(findings("crates/api/src/lib.rs", statement), 1, "{statement}");
            assert_eq!(findings("crates/store/src/lib.rs", statement), 0, "{statement}");
        }
        let english = ["select a segment", "update the template", "delete", "selected from", "insert a contact"];
        for sentence in english {
            assert_eq!(findings("crates/api/src/lib.rs", sentence), 0, "{sentence}");
        }
    }

    #[test]
    fn a_query_macro_is_found_where_it_does_not_belong() {
        let source = "async fn f() { sqlx::query_as!(Row, \"…\").fetch_all(pool).await; }";
        assert_eq!(check(&Tree::of(&[("crates/worker/src/lane.rs", source)])).len(), 1);
    }
}
