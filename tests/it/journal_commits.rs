//! The commits that the journal's tests write, and reading them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use persona_registry::domain::{
    Change, Commit, Derived, Dialect, Digest, Namespace, Origin, Persona, Principal, Revision, Sequence,
    Timestamp, Version,
};
use persona_registry::journal::{Durability, Journal, Options, ReplayError};

/// A small generator of numbers; the seed is printed where one is used.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }
}

/// Small segments, so that a short run rotates often.
pub fn small() -> Options {
    Options { durability: Durability::Strict, segment_bytes: 24 * 1024, reserve_bytes: 8 * 1024 }
}

/// The commit with this sequence that puts a document of this many bytes.
pub fn commit(sequence: u64, size: usize) -> Commit {
    let mut dice = Dice(sequence);
    let content: Vec<u8> = (0..size).map(|_| b'a' + dice.below(26) as u8).collect();
    commit_of(sequence, Bytes::from(content))
}

pub fn commit_of(sequence: u64, content: Bytes) -> Commit {
    let persona = Persona {
        namespace: Namespace::default(),
        name: format!("persona-{}", sequence % 5).parse().unwrap(),
        version: Version(sequence),
        revision: Revision(sequence * 3),
        size: content.len() as u32,
        digest: Digest::of(&content),
        create_time: Timestamp(sequence as i64),
        actor: Principal::anonymous(),
        message: String::new(),
        origin: Origin::Api,
        derived: Derived {
            display_name: "Persona".to_owned(),
            description: String::new(),
            tag: None,
            dialect: Dialect::Markdown,
            labels: BTreeMap::new(),
            model: None,
            tools: Vec::new(),
            front_matter: Vec::new(),
            outline: Vec::new(),
            interaction: None,
            body_offset: 0,
            token_estimate: 1,
            body_mark: None,
        },
        content,
        purged: false,
        waivers: Vec::new(),
    };
    Commit {
        sequence: Sequence(sequence),
        revision: Revision(sequence * 3),
        time: Timestamp(sequence as i64),
        principal: Principal::anonymous(),
        call_id: "call".into(),
        changes: vec![Change::Put { created: false, persona: Arc::new(persona) }],
        requests: Vec::new(),
        bases: Vec::new(),
        floor: None,
    }
}

/// Everything that the journal holds after `after`.
pub fn replayed(journal: &dyn Journal, after: u64) -> Result<Vec<Commit>, ReplayError> {
    let mut commits = Vec::new();
    journal.replay(Sequence(after), &mut |commit| {
        commits.push(commit);
        Ok(())
    })?;
    Ok(commits)
}
