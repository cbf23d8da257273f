//! Whether what stands beside the rows is whole: aliases, and the outcomes of requests.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::Unbounded;

use super::Known;
use crate::domain::{Alias, Revision, Version};
use crate::record;
use crate::store::sled::{Table, Write};
use crate::store::{Store, StoreError, keys};

impl Store {
    /// Each head has the aliases that their last moves left it with.
    pub(super) fn verify_aliases(&self, heads: &HashMap<Vec<u8>, Known>) -> Result<(), StoreError> {
        let mut told: HashMap<Vec<u8>, BTreeMap<Alias, (Version, Revision)>> = HashMap::new();
        self.tables.walk(Table::Aliases, Unbounded, Unbounded, |key, value| {
            let moved = record::decode_alias(&value).map_err(StoreError::record(key))?;
            let aliases = told.entry(keys::persona(&moved.namespace, &moved.name)).or_default();
            match moved.version {
                Some(version) => aliases.insert(moved.alias, (version, moved.revision)),
                None => aliases.remove(&moved.alias),
            };
            Ok(true)
        })?;
        for (persona, Known { head, .. }) in heads {
            if told.remove(persona).unwrap_or_default() != head.aliases {
                return Err(StoreError::damaged(persona, "its aliases are not where they were moved to"));
            }
        }
        match told.keys().next() {
            Some(persona) => Err(StoreError::damaged(persona, "it has aliases and no newest state")),
            None => Ok(()),
        }
    }

    pub(super) fn verify_requests(&self) -> Result<(), StoreError> {
        self.tables.walk(Table::Expiry, Unbounded, Unbounded, |key, _| {
            let request = key.get(8..).unwrap_or_default();
            match self.tables.get(Table::Requests, request)? {
                Some(_) => Ok(true),
                None => Err(StoreError::damaged(key, "the outcome of this request is not there")),
            }
        })?;
        // A crash in the midst of forgetting leaves an outcome without its place in the order: it is given back.
        let mut places = Vec::new();
        self.tables.walk(Table::Requests, Unbounded, Unbounded, |key, value| {
            let request = record::decode_request(&value).map_err(StoreError::record(key))?;
            let place = keys::expiry(request.time, &request.key);
            if self.tables.get(Table::Expiry, &place)?.is_none() {
                places.push(Write::Set(Table::Expiry, place, Vec::new()));
            }
            Ok(true)
        })?;
        self.tables.write(places)
    }
}
