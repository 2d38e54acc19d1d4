//! The rule that decides whether a file, a folder or a symbolic link on a path can be trusted. It is pure.

use rustix::process::geteuid;

use super::super::sys::{Facts, Kind};

/// The user with the number 0.
pub(crate) const ROOT: u32 = 0;

/// The number that a server or a volume shows for users that mean nothing there.
const NOBODY: u32 = 65_534;

/// The facts about the users of this machine.
#[derive(Clone, Debug)]
pub(super) struct Users {
    /// The effective user.
    pub(super) us: u32,
    /// The number by which this user namespace shows the files of the machine's root, if it does not know root.
    pub(super) unknown_root: Option<u32>,
}

/// The reason why a component of a path is not trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// It belongs to another user.
    Foreign {
        /// The number of that user.
        owner: u32,
    },
    /// It should be ours and belongs to another user, or to root.
    NotOurs {
        /// The number of that user.
        owner: u32,
        /// The effective user.
        us: u32,
    },
    /// It is a symbolic link in a folder of another user.
    InFolderOf {
        /// The number of that user.
        owner: u32,
    },
    /// Others than its owner may write to it, or to the folder of a symbolic link.
    Writable {
        /// Its permissions.
        mode: u32,
    },
}

impl Users {
    /// Returns the facts that are known before anything was looked at.
    pub(super) fn here() -> Self {
        Self {
            us: geteuid().as_raw(),
            unknown_root: None,
        }
    }

    /// Judges a folder on a path. `has_others` tells if a group has other members than us.
    ///
    /// In a folder with the sticky bit others can add names, but cannot rename ours. A group that may write
    /// to a folder of root was chosen by root, for example by Kubernetes (`fsGroup`).
    ///
    /// # Errors
    /// Another user can exchange what is in it.
    pub(super) fn judge_folder(
        &self,
        folder: &Facts,
        has_others: impl FnOnce(u32) -> bool,
    ) -> Result<(), Reason> {
        let (owner, mode) = (folder.owner, folder.mode);
        if !self.is_trusted(owner) && !self.may_be_root(owner) {
            return Err(Reason::Foreign { owner });
        }
        if mode & STICKY != 0 {
            return Ok(());
        }
        let by_group = mode & WRITE_GROUP != 0;
        let by_all = mode & WRITE_OTHERS != 0;
        if by_all || (by_group && owner != ROOT && has_others(folder.group)) {
            return Err(Reason::Writable { mode });
        }
        Ok(())
    }

    /// Judges a symbolic link, or a file that was made in `folder`.
    ///
    /// # Errors
    /// It belongs to another user, who can replace it in a folder with the sticky bit.
    pub(super) fn judge_owner(&self, found: &Facts, folder: &Facts) -> Result<(), Reason> {
        let owner = found.owner;
        // Where nobody but root can write, nobody else made the link.
        let is_unknown_root = self.may_be_root(owner)
            && self.may_be_root(folder.owner)
            && folder.mode & (WRITE_GROUP | WRITE_OTHERS) == 0;
        match self.is_trusted(owner) || (found.kind == Kind::Link && is_unknown_root) {
            true => Ok(()),
            false => Err(Reason::Foreign { owner }),
        }
    }

    /// Returns the users by which a folder on the way to a program is judged. A program may belong to anybody:
    /// to name it is to trust its owner. But root trusts only root.
    pub(super) fn for_program_in(&self, folder: &Facts) -> Self {
        Self {
            us: match self.us {
                ROOT => ROOT,
                _ => folder.owner,
            },
            unknown_root: self.unknown_root,
        }
    }

    /// Judges the owner of a program, or of a symbolic link on the way to it, in `folder`.
    ///
    /// # Errors
    /// It belongs to another user who put it into a folder in which everybody can; or we are root and it does
    /// not belong to root.
    pub(super) fn judge_program_owner(&self, found: &Facts, folder: &Facts) -> Result<(), Reason> {
        let owner = found.owner;
        let is_open = folder.mode & STICKY != 0 && folder.mode & (WRITE_GROUP | WRITE_OTHERS) != 0;
        let is_of_folder = owner == folder.owner || !is_open;
        let is_trusted = match self.us {
            ROOT => self.may_be_root(owner),
            _ => true,
        };
        match self.is_trusted(owner) || (is_trusted && is_of_folder) {
            true => Ok(()),
            false => Err(Reason::Foreign { owner }),
        }
    }

    /// Judges the permissions of a program. `has_others` tells if a group has other members than its owner.
    ///
    /// # Errors
    /// Others than its owner, and than a group that root chose, can write to it.
    pub(super) fn judge_program_mode(
        &self,
        program: &Facts,
        has_others: impl FnOnce(u32) -> bool,
    ) -> Result<(), Reason> {
        let mode = program.mode;
        let by_group = mode & WRITE_GROUP != 0;
        if mode & WRITE_OTHERS != 0
            || (by_group && program.owner != ROOT && has_others(program.group))
        {
            return Err(Reason::Writable { mode });
        }
        Ok(())
    }

    /// Judges a folder into which mail is delivered.
    ///
    /// # Errors
    /// It belongs to another user, or everybody can exchange what is in it.
    pub(super) fn judge_target(&self, folder: &Facts) -> Result<(), Reason> {
        let (owner, mode) = (folder.owner, folder.mode);
        if !self.is_trusted(owner) {
            return Err(Reason::Foreign { owner });
        }
        match mode & (STICKY | WRITE_OTHERS) {
            WRITE_OTHERS => Err(Reason::Writable { mode }),
            _ => Ok(()),
        }
    }

    /// Judges a file or folder that only we may write to.
    ///
    /// # Errors
    /// It belongs to another user, or others can write to it.
    pub(super) fn judge_own(&self, found: &Facts) -> Result<(), Reason> {
        let (owner, us, mode) = (found.owner, self.us, found.mode);
        if owner != us {
            return Err(Reason::NotOurs { owner, us });
        }
        match mode & (WRITE_GROUP | WRITE_OTHERS) {
            0 => Ok(()),
            _ => Err(Reason::Writable { mode }),
        }
    }

    /// Returns true if a file in a folder that was judged is taken for one of root, although this user namespace
    /// does not know root. In a folder of ours or of root nobody else has made it, unless everybody can.
    pub(super) fn is_of_unknown_root(&self, found: &Facts, folder: &Facts) -> bool {
        let is_open = folder.mode & STICKY != 0 && folder.mode & (WRITE_GROUP | WRITE_OTHERS) != 0;
        self.may_be_root(found.owner) && !is_open
    }

    /// Returns true if root may be shown as this user. All other users that the namespace does not know are, too.
    fn may_be_root(&self, owner: u32) -> bool {
        self.unknown_root == Some(owner)
    }

    /// Returns true if a user could do us no harm, or any harm anyway.
    pub(super) fn is_trusted(&self, owner: u32) -> bool {
        [self.us, ROOT].contains(&owner)
    }
}

/// Returns true if the folder is the root of a volume that root has mounted, or a server on which the user's
/// number means nothing. Whoever mounted it has chosen who can write to it.
pub(super) fn is_volume(folder: &Facts, above: Option<&Facts>) -> bool {
    above.is_some_and(|above| above.device != folder.device)
        && [ROOT, NOBODY].contains(&folder.owner)
}

/// Returns true if a group has other members than user number `us`, according to the texts of
/// `/etc/passwd` and `/etc/group`. A group that is not there is private if its number is that of the user.
pub(super) fn has_other_members(group: u32, us: u32, passwd: &str, groups: &str) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    let mut names = Vec::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let (user, primary) = (number(fields.nth(1)), number(fields.next()));
        if user == Some(us) {
            names.push(name);
        } else if primary == Some(group) && user != Some(ROOT) {
            return true;
        }
    }
    let mut is_listed = false;
    for line in groups.lines() {
        let mut fields = line.split(':').skip(2);
        if number(fields.next()) == Some(group) {
            is_listed = true;
            let members = fields.next().unwrap_or_default().split(',');
            let mut members = members.map(str::trim).filter(|name| !name.is_empty());
            if members.any(|name| !names.contains(&name) && name != "root") {
                return true;
            }
        }
    }
    !is_listed && group != us
}

const STICKY: u32 = 0o1000;
const WRITE_GROUP: u32 = 0o020;
const WRITE_OTHERS: u32 = 0o002;

#[cfg(test)]
mod tests {
    use super::*;

    const US: u32 = 1000;
    const JANE: u32 = 1001;
    const PRIVATE: u32 = 1000;
    const SHARED: u32 = 100;
    const UNKNOWN_USER: u32 = 65_534;

    fn facts(kind: Kind, owner: u32, group: u32, mode: u32) -> Facts {
        Facts {
            kind,
            owner,
            group,
            mode,
            device: 1,
            inode: 1,
        }
    }

    fn users(us: u32) -> Users {
        Users {
            us,
            unknown_root: None,
        }
    }

    #[test]
    fn a_folder_is_trusted_if_nobody_else_can_exchange_its_contents() {
        let foreign = |owner| Err(Reason::Foreign { owner });
        let writable = |mode| Err(Reason::Writable { mode });
        for (us, owner, group, mode, judged) in [
            (US, US, PRIVATE, 0o700, Ok(())),
            (US, ROOT, ROOT, 0o755, Ok(())),
            (US, JANE, JANE, 0o755, foreign(JANE)),
            (ROOT, JANE, JANE, 0o755, foreign(JANE)),
            (US, JANE, JANE, 0o1777, foreign(JANE)),
            (US, ROOT, ROOT, 0o1777, Ok(())),
            (US, ROOT, ROOT, 0o777, writable(0o777)),
            (US, US, PRIVATE, 0o775, Ok(())),
            (US, US, SHARED, 0o775, writable(0o775)),
            (US, US, SHARED, 0o1775, Ok(())),
            (US, ROOT, SHARED, 0o2775, Ok(())),
            (US, US, PRIVATE, 0o702, writable(0o702)),
            (US, US, PRIVATE, 0o1777, Ok(())),
            (ROOT, ROOT, SHARED, 0o770, Ok(())),
            (US, 65_534, 65_534, 0o755, foreign(65_534)),
        ] {
            let folder = facts(Kind::Folder, owner, group, mode);
            let found = users(us).judge_folder(&folder, |group| group == SHARED);
            assert_eq!(found, judged, "{us} {owner} {group} {mode:o}");
        }
    }

    #[test]
    fn the_root_of_the_machine_is_trusted_where_it_has_no_number() {
        let users = Users {
            us: US,
            unknown_root: Some(UNKNOWN_USER),
        };
        let folder = |mode| facts(Kind::Folder, UNKNOWN_USER, UNKNOWN_USER, mode);
        assert_eq!(users.judge_folder(&folder(0o755), |_| true), Ok(()));
        assert_eq!(users.judge_folder(&folder(0o1777), |_| true), Ok(()));
        let judged = users.judge_folder(&folder(0o775), |_| true);
        assert_eq!(judged, Err(Reason::Writable { mode: 0o775 }));
        for (kind, mode, is_trusted) in [
            (Kind::Link, 0o755, true),
            (Kind::Link, 0o1777, false),
            (Kind::File, 0o755, false),
        ] {
            let found = facts(kind, UNKNOWN_USER, UNKNOWN_USER, 0o777);
            let judged = users.judge_owner(&found, &folder(mode));
            assert_eq!(judged.is_ok(), is_trusted, "{kind:?} {mode:o}");
        }
        for (folder, owner, is_roots) in [
            (folder(0o755), UNKNOWN_USER, true),
            (folder(0o1777), UNKNOWN_USER, false),
            (folder(0o755), JANE, false),
            (facts(Kind::Folder, US, US, 0o700), UNKNOWN_USER, true),
        ] {
            let found = facts(Kind::File, owner, owner, 0o644);
            assert_eq!(
                users.is_of_unknown_root(&found, &folder),
                is_roots,
                "{owner} {folder:?}"
            );
        }
    }

    #[test]
    fn a_link_is_trusted_if_it_is_ours_or_roots() {
        let folder = facts(Kind::Folder, ROOT, ROOT, 0o1777);
        for (us, owner, is_trusted) in [
            (US, US, true),
            (US, ROOT, true),
            (US, JANE, false),
            (ROOT, JANE, false),
            (US, UNKNOWN_USER, false),
        ] {
            let link = facts(Kind::Link, owner, owner, 0o777);
            let judged = users(us).judge_owner(&link, &folder);
            assert_eq!(judged.is_ok(), is_trusted, "{us} {owner}");
        }
    }

    #[test]
    fn a_program_may_belong_to_anybody_but_root_runs_only_roots() {
        let foreign = |owner| Err(Reason::Foreign { owner });
        let folder = |owner, mode| facts(Kind::Folder, owner, SHARED, mode);
        for (us, owner, folder, judged) in [
            (US, US, folder(US, 0o755), Ok(())),
            (US, ROOT, folder(ROOT, 0o755), Ok(())),
            (US, JANE, folder(JANE, 0o755), Ok(())),
            // Homebrew and package managers give files to one user in folders of another.
            (US, JANE, folder(ROOT, 0o755), Ok(())),
            (US, JANE, folder(ROOT, 0o2775), Ok(())),
            (US, JANE, folder(ROOT, 0o1777), foreign(JANE)),
            (US, JANE, folder(ROOT, 0o1775), foreign(JANE)),
            (US, US, folder(ROOT, 0o1777), Ok(())),
            (US, ROOT, folder(ROOT, 0o1775), Ok(())),
            (US, JANE, folder(JANE, 0o1777), Ok(())),
            (ROOT, JANE, folder(JANE, 0o755), foreign(JANE)),
            (ROOT, JANE, folder(ROOT, 0o755), foreign(JANE)),
            (ROOT, ROOT, folder(ROOT, 0o755), Ok(())),
        ] {
            let program = facts(Kind::File, owner, SHARED, 0o755);
            let found = users(us).judge_program_owner(&program, &folder);
            assert_eq!(found, judged, "{us} {owner} {folder:?}");
        }
        for (us, owner, seen_as) in [(US, JANE, JANE), (US, ROOT, ROOT), (ROOT, JANE, ROOT)] {
            let judge = users(us).for_program_in(&folder(owner, 0o755));
            assert_eq!(judge.us, seen_as, "{us} {owner}");
        }
    }

    #[test]
    fn only_its_owner_may_write_a_program() {
        let writable = |mode| Err(Reason::Writable { mode });
        for (owner, group, mode, judged) in [
            (US, PRIVATE, 0o755, Ok(())),
            (US, PRIVATE, 0o775, Ok(())),
            (US, SHARED, 0o775, writable(0o775)),
            (ROOT, SHARED, 0o775, Ok(())),
            (JANE, SHARED, 0o775, writable(0o775)),
            (US, PRIVATE, 0o757, writable(0o757)),
            (ROOT, ROOT, 0o777, writable(0o777)),
            (ROOT, ROOT, 0o4755, Ok(())),
        ] {
            let program = facts(Kind::File, owner, group, mode);
            let found = users(US).judge_program_mode(&program, |group| group == SHARED);
            assert_eq!(found, judged, "{owner} {group} {mode:o}");
        }
    }

    #[test]
    fn a_private_group_has_no_other_member() {
        let passwd = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n\
                      jane:x:1001:100::/home/jane:/bin/sh\nme2:x:1000:300::/:/bin/sh\n";
        let groups = "root:x:0:\nme:x:1000:\nusers:x:100:\nstaff:x:50:jane\nboth:x:60:me,me2\n\
                      mixed:x:70:me,jane\nadmin:x:80:root,me\n";
        for (group, has_others) in [
            (1000, false),
            (100, true),
            (50, true),
            (60, false),
            (70, true),
            (80, false),
            (300, true),
            (4000, true),
        ] {
            assert_eq!(
                has_other_members(group, 1000, passwd, groups),
                has_others,
                "{group}"
            );
        }
        // A container often has a user without an entry.
        assert!(!has_other_members(4000, 4000, passwd, groups));
        assert!(has_other_members(4000, 4001, passwd, groups));
    }
}
