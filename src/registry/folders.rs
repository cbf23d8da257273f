//! What operators may know of the folders that feed the registry: how each stands, and which files it refused. Seeding
//! reports it; it is kept in memory and made anew by every start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::token::FileToken;
use super::{Binding, Error, Registry};
use crate::diagnostic::{Diagnostic, Places};
use crate::domain::{Caller, Name, Namespace, Permission, Timestamp, limits};

/// A folder, as it stood when it was last read.
#[derive(Debug, Clone)]
pub struct FolderState {
    /// The namespace that it feeds.
    pub namespace: Namespace,
    /// The folder, as it was named.
    pub folder: String,
    /// Whether its changes are taken in while the server runs.
    pub following: bool,
    /// Persona files in it that the registry holds as they are, or held when they were last brought.
    pub files: u64,
    /// Those of them that have warnings.
    pub warned: u64,
    /// Personas that it brought and has no file for any more.
    pub missing: u64,
    /// When it was last read.
    pub read_time: Timestamp,
    /// What keeps it from being read or pruned as asked; none when all is well.
    pub problem: Option<String>,
    /// Files that were refused, by path; the first [`limits::REFUSED_SOURCES`] of them.
    pub refused: Vec<Arc<RefusedSource>>,
    /// How many were refused.
    pub refused_count: u64,
}

/// A file that was not taken.
#[derive(Debug, Clone)]
pub struct RefusedSource {
    /// The namespace that its folder feeds.
    pub namespace: Namespace,
    /// The folder, as it was named.
    pub folder: String,
    /// Its path in the folder, `/`-separated.
    pub path: String,
    /// The persona that it would be, where that can be told.
    pub name: Option<Name>,
    /// Why, in one word.
    pub reason: RefusedReason,
    /// Why, in one sentence with the way out.
    pub message: String,
    /// What was found in it, what blocks first: at most [`limits::REFUSED_DIAGNOSTICS`].
    pub diagnostics: Vec<Diagnostic>,
    /// Where in it.
    pub places: Places,
    /// Since when this server refuses it.
    pub since: Timestamp,
}

/// Why a file was not taken, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedReason {
    /// It has findings that block storing.
    Invalid,
    /// Another file of the folder has the same name.
    DuplicateName,
    /// It and the registry both changed.
    Conflict,
    /// It cannot be read.
    Unreadable,
    /// The registry takes no writes at the moment; it is tried again.
    NotWritten,
    /// A fault of the registry.
    Internal,
}

/// A listing of refused files.
#[derive(Debug, Clone)]
pub struct ListRefused {
    /// Of folders that feed this namespace; none: of all.
    pub namespace: Option<Namespace>,
    /// Files on a page.
    pub page_size: usize,
    /// Where the page begins; empty: at the start.
    pub page_token: String,
}

/// A page of refused files, by namespace, folder and path.
#[derive(Debug)]
pub struct RefusedPage {
    /// The files.
    pub files: Vec<Arc<RefusedSource>>,
    /// Asks for the next page; empty: this was the last.
    pub next_page_token: String,
    /// How many files the folders asked about refused, those that are not kept included.
    pub total: u64,
}

/// The folders of a registry.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<BTreeMap<(Namespace, String), FolderState>>);

impl Registry {
    /// Takes note of how a folder stands.
    pub fn report_folder(&self, state: FolderState) {
        let key = (state.namespace.clone(), state.folder.clone());
        self.shared.folders.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
    }

    /// How the folders stand that feed what the caller may write to, by namespace and folder; without the files that were refused.
    #[must_use]
    pub fn folders(&self, caller: &Caller) -> Vec<FolderState> {
        let scope = caller.access.scope(Permission::Write);
        let folders = self.shared.folders.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folders = folders.values().filter(|state| scope.contains(&state.namespace));
        folders.map(|state| FolderState { refused: Vec::new(), ..state.clone() }).collect()
    }

    /// The files that seeding refused and that are not mended yet. `size` tells the bytes that a file takes in the
    /// answer; a page is cut at [`limits::PAGE_BYTES`], and holds one file at least.
    #[tracing::instrument(level = "debug", skip_all, err(level = "debug"))]
    pub fn list_refused(
        &self,
        caller: &Caller,
        list: &ListRefused,
        size: impl Fn(&RefusedSource) -> usize,
    ) -> Result<RefusedPage, Error> {
        caller.require_in(Permission::Write, list.namespace.as_ref())?;
        let scope = caller.access.scope(Permission::Write);
        let namespace = list.namespace.as_ref().map_or("-", Namespace::as_str);
        let (store_id, binding) = (self.store_id(), Binding::of(&[b"refused", namespace.as_bytes()]));
        let after = match list.page_token.as_str() {
            "" => None,
            text => Some(FileToken::parse(text, store_id, binding)?),
        };
        let folders = self.shared.folders.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = |state: &&FolderState| {
            list.namespace.as_ref().is_none_or(|asked| *asked == state.namespace)
                && scope.contains(&state.namespace)
        };
        let total = folders.values().filter(asked).map(|state| state.refused_count).sum();
        let place = |file: &RefusedSource| FileToken {
            namespace: file.namespace.to_string(),
            folder: file.folder.clone(),
            path: file.path.clone(),
        };
        let all = folders.values().filter(asked).flat_map(|state| &state.refused);
        let mut rest = all.filter(|file| after.as_ref().is_none_or(|after| place(file) > *after));
        let (mut files, mut bytes, mut more) = (Vec::<Arc<RefusedSource>>::new(), 0, None);
        for file in &mut rest {
            bytes += size(file);
            if files.len() >= list.page_size || (bytes > limits::PAGE_BYTES && !files.is_empty()) {
                more = files.last();
                break;
            }
            files.push(Arc::clone(file));
        }
        let next_page_token = more.map(|last| place(last).print(store_id, binding)).unwrap_or_default();
        Ok(RefusedPage { files, next_page_token, total })
    }
}
