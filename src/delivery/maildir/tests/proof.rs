//! The list in tmp/ that proves that messages were put in their place.

use super::*;

#[test]
fn messages_have_a_proof_until_all_deliveries_are_recorded() {
    let sandbox = TestMaildir::new();
    let staged = vec![sandbox.stage(), sandbox.stage()];
    let recalled: Vec<_> = staged.iter().map(TestMaildir::recall).collect();
    let outcomes = sandbox.maildir.deliver(staged);
    sandbox.maildir.forget_delivered(&delivered(&outcomes[..1]));
    assert_eq!(sandbox.locate(&recalled[1]), StagedState::Delivered);
    assert_eq!(sandbox.count("tmp"), 1);
    sandbox.maildir.forget_delivered(&delivered(&outcomes[1..]));
    assert_eq!(sandbox.count("tmp"), 0);
}

#[test]
fn a_proof_stays_while_an_earlier_run_has_names_in_it() {
    let sandbox = TestMaildir::new();
    let earlier = sandbox.place();
    fs::remove_file(sandbox.path("new", &earlier.stored().file_name)).expect("it was delivered");
    // The next run, which delivers another message first.
    let path = sandbox.folder.path().join("inbox");
    let maildir =
        Maildir::open(&path, &marks(1), None, FileMode::default()).expect("the folder is ours");
    let outcomes = maildir.deliver(vec![sandbox.stage()]);
    maildir.forget_delivered(&delivered(&outcomes));
    assert_eq!(sandbox.locate(&earlier), StagedState::Taken);
    let outcomes = maildir.deliver(vec![earlier]);
    assert!(matches!(outcomes[..], [Outcome::Delivered(_)]));
    maildir.forget_delivered(&delivered(&outcomes));
    maildir
        .intake()
        .sweep(&HashSet::new())
        .expect("the folder is ours");
    assert_eq!(sandbox.count("tmp"), 0);
}

#[test]
fn a_message_is_hidden_until_the_list_has_it() {
    let sandbox = TestMaildir::new();
    let staged = TestMaildir::recall(&sandbox.stage());
    let name = staged.stored().file_name.clone();
    let hidden = sandbox.path("new", &hidden(&name));
    // A run that was killed before the list left this.
    fs::rename(sandbox.path("tmp", &name), &hidden).expect("it is ours");
    assert_eq!(sandbox.locate(&staged), StagedState::Waiting);
    assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    assert!(sandbox.path("new", &name).exists() && !hidden.exists());
}

#[test]
fn a_file_in_tmp_counts_more_than_its_proof() {
    let sandbox = TestMaildir::new();
    let recalled = sandbox.place();
    let name = recalled.stored().file_name.clone();
    // A disk that was unplugged has lost the rename and kept the list.
    fs::rename(sandbox.path("new", &name), sandbox.path("tmp", &name)).expect("it was delivered");
    assert_eq!(sandbox.locate(&recalled), StagedState::Waiting);
    assert!(matches!(sandbox.deliver(recalled), Outcome::Delivered(_)));
    assert!(sandbox.path("new", &name).exists());
}

/// Removes a message that was placed, and sets the octets of the list that proves it.
fn locate_with_list(octets: &[u8]) -> StagedState {
    let sandbox = TestMaildir::new();
    let recalled = TestMaildir::recall(&sandbox.stage());
    let name = recalled.stored().file_name.clone();
    fs::remove_file(sandbox.path("tmp", &name)).expect("it is ours");
    let list = sandbox.path("tmp", &own_file(Mark([1; 16]), ".placed"));
    let octets = String::from_utf8_lossy(octets).replace("NAME", &name);
    fs::write(list, octets).expect("the file can be written");
    sandbox.locate(&recalled)
}

#[test]
fn only_a_whole_line_of_this_boot_is_a_proof() {
    let boot = boot_id().expect("the kernel gives one");
    let other = "01234567-89ab-cdef-0123-456789abcdef";
    for (octets, state) in [
        (format!("{boot}\n\nNAME\n"), StagedState::Taken),
        (format!("{boot}\n\n1.M2\nNAME\n"), StagedState::Taken),
        (format!("{boot}\n\nNAMEx\n"), StagedState::Lost),
        (format!("{boot}\n\nxNAME\n"), StagedState::Lost),
        (format!("{boot}\n\nN"), StagedState::Lost),
        (format!("{other}\n\nNAME\n"), StagedState::Lost),
        ("\nNAME\n".to_owned(), StagedState::Lost),
        (format!("\0\0\n{boot}\nNAME\n"), StagedState::Lost),
        (String::new(), StagedState::Lost),
    ] {
        assert_eq!(locate_with_list(octets.as_bytes()), state, "{octets:?}");
    }
}

#[test]
fn a_list_of_an_earlier_boot_is_begun_anew() {
    let sandbox = TestMaildir::new();
    let list = sandbox.path("tmp", &own_file(Mark([1; 16]), ".placed"));
    for earlier in [&b"an earlier boot\n\n1.M2\n"[..], b"\xff\n"] {
        fs::write(&list, earlier).expect("the file can be written");
        let outcomes = sandbox.maildir.deliver(vec![sandbox.stage()]);
        let written = fs::read_to_string(&list).expect("the list is text");
        let boot = boot_id().expect("the kernel gives one");
        assert!(written.starts_with(&format!("{boot}\n")), "{written}");
        sandbox.maildir.forget_delivered(&delivered(&outcomes));
        assert!(!list.exists());
    }
}

#[test]
fn a_link_in_place_of_the_proof_is_not_followed() {
    let sandbox = TestMaildir::new();
    let other = sandbox.path("cur", "other");
    fs::write(&other, "").expect("the file can be written");
    let file = sandbox.path("tmp", &own_file(Mark([1; 16]), ".placed"));
    std::os::unix::fs::symlink(&other, file).expect("a link can be made");
    sandbox.place();
    assert_eq!(fs::read(other).expect("the file is there"), b"");
}
