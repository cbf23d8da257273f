#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, dead_code)]
#[path = "it/rules.rs"] mod rules;
#[path = "it/rule_files.rs"] mod rule_files;
#[path = "it/documents.rs"] mod documents;
#[path = "it/corpus.rs"] mod corpus;
#[path = "it/fixes.rs"] mod fixes;
