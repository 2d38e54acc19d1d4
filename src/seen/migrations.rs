//! The steps from an empty database to the current schema.

/// The steps from an empty database to the current schema. `user_version` counts those taken.
///
/// Version 0.1.0 has the first step. A released step is never changed, and a new one follows it. Even
/// its comments stay as they are, because SQLite stores them with the tables. To read them today:
///
/// - State 4, TROUBLED, is FAILED everywhere else.
/// - `keep` is the policy that the last run followed. `server` and `user` are those of the last run
///   that ended its session with QUIT.
/// - `acquaintance` is the server profile, and `lost_step` the time at which the server mixed up its
///   replies to pipelined commands.
/// - `unique_id` and `copy` are the key of a message, the same in all tables. `copy` distinguishes
///   messages with the same unique-id.
/// - `vanished` is the time at which a listing was without the message for the first time.
/// - `last_run`, `listed`, `staged` and the other times are seconds since 1970.
/// - `id` of an account also names its lock file. It is not AUTOINCREMENT: a number may be used again
///   after its account and all rows that refer to it were removed. The generation in a lock file that
///   is left does not match that of the new account.
pub(super) const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE account (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    server       TEXT NOT NULL,
    user         TEXT NOT NULL,
    tag          TEXT NOT NULL,             -- in the names of its files
    keep         TEXT,                      -- the policy of its last run
    last_run     INTEGER,
    last_status  INTEGER,
    failures     INTEGER NOT NULL DEFAULT 0,-- runs in a row that failed
    cut_off      INTEGER NOT NULL DEFAULT 0,-- the last session did not end with QUIT
    generation   INTEGER,                   -- drawn anew by every run
    acquaintance TEXT,                      -- what its sessions learned of the server
    login        TEXT,                      -- how its last session logged in
    logged_in    INTEGER,                   -- when that was
    lost_step    INTEGER,                   -- when the server could not keep step with pipelining
    moved        INTEGER,                   -- when its record was given to another database
    recognitions INTEGER NOT NULL DEFAULT 0 -- of renamed messages, begun in a row and not ended
) STRICT;

CREATE TABLE seen (
    account     INTEGER NOT NULL REFERENCES account (id),
    unique_id   BLOB    NOT NULL,
    copy        INTEGER NOT NULL,
    -- 0 SEEN, 1 STAGED, 2 DELIVERED, 3 GONE, 4 TROUBLED (could not be retrieved)
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
    size        INTEGER,                    -- as the first scan listing said
    listed      INTEGER NOT NULL,           -- first listed
    delivered   INTEGER,
    gone        INTEGER,                    -- deleted from the server by us
    vanished    INTEGER,                    -- when a listing was first without it
    attempts    INTEGER NOT NULL DEFAULT 0, -- that failed, in a row
    next_try    INTEGER NOT NULL DEFAULT 0, -- not before
    handed_over INTEGER NOT NULL DEFAULT 0, -- an MDA has it, or had it when we died
    came_back   INTEGER NOT NULL DEFAULT 0, -- listed again, unchanged, after its deletion
    undeletable INTEGER NOT NULL DEFAULT 0, -- the server lists it whatever DELE answers
    PRIMARY KEY (account, unique_id, copy)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_staged ON seen (account) WHERE state = 1;
CREATE INDEX seen_vanished ON seen (account, vanished) WHERE vanished IS NOT NULL;

CREATE TABLE delivery (
    id            INTEGER PRIMARY KEY,
    account       INTEGER NOT NULL REFERENCES account (id),
    unique_id     BLOB    NOT NULL,
    copy          INTEGER NOT NULL,
    program       TEXT,                     -- the MDA, if it is one
    target        BLOB    NOT NULL,         -- absolute path of the Maildir, or of the spool
    inode         INTEGER NOT NULL,         -- of the folder it stands in
    file_name     TEXT    NOT NULL,
    octets        INTEGER NOT NULL,         -- as stored
    digest        BLOB    NOT NULL,         -- SHA-256 of the message as stored
    header_digest BLOB    NOT NULL,         -- SHA-256 of its header as stored
    sender        BLOB    NOT NULL,         -- From
    subject       BLOB    NOT NULL,
    staged        INTEGER NOT NULL,
    delivered     INTEGER,
    deleted       INTEGER,                  -- from the server
    repeated      INTEGER NOT NULL DEFAULT 0, -- handed over again after a kill
    words         BLOB,                     -- what an MDA said that took it
    UNIQUE (account, unique_id, copy)
) STRICT;

CREATE TABLE notice (                       -- what was said once and is not said again
    account   INTEGER NOT NULL REFERENCES account (id),
    unique_id BLOB    NOT NULL,
    copy      INTEGER NOT NULL,
    PRIMARY KEY (account, unique_id, copy)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE account ADD COLUMN surplus INTEGER NOT NULL DEFAULT 0
    /* octets that STAT counts more than LIST */;
ALTER TABLE account ADD COLUMN equal_contents INTEGER NOT NULL DEFAULT 0
    /* messages in a row whose size had changed and whose content had not */;
ALTER TABLE seen ADD COLUMN quit_sent INTEGER
    /* when QUIT was sent after its DELE; null once the answer is known */;
ALTER TABLE delivery ADD COLUMN canonical BLOB
    /* SHA-256 without the header lines that servers write; null if that is digest */;
ALTER TABLE delivery ADD COLUMN body BLOB
    /* SHA-256 of the beginning of the body and of its length; null if it is blank */;
ALTER TABLE delivery ADD COLUMN message_id BLOB
    /* SHA-256 of Message-ID */;
ALTER TABLE delivery ADD COLUMN date BLOB
    /* SHA-256 of Date */;

CREATE TABLE account_notice (               -- what was said once about an account
    account INTEGER NOT NULL REFERENCES account (id),
    subject TEXT    NOT NULL,               -- a word of the program
    said    INTEGER NOT NULL,               -- when
    PRIMARY KEY (account, subject)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE seen ADD COLUMN proven_gone INTEGER NOT NULL DEFAULT 0
    /* without unique-ids: a session after the deletion retrieved all, and not this content */;
",
    "
ALTER TABLE account ADD COLUMN clock INTEGER
    /* the clock at the start of the last run */;
ALTER TABLE account ADD COLUMN clock_behind INTEGER
    /* a time that the clock had reached before it was set back */;
",
    "
ALTER TABLE account ADD COLUMN mark BLOB NOT NULL DEFAULT x''
    /* in the names of its files: only files with this mark are removed */;
ALTER TABLE account ADD COLUMN mark_drawn_in TEXT
    /* inode and birth time of this database then; null: a mark is to be drawn */;
ALTER TABLE account ADD COLUMN doubt INTEGER
    /* since when messages may have been delivered that this database does not know */;
ALTER TABLE account ADD COLUMN recognised INTEGER
    /* when a run had recognised all that was listed: the doubt ends some days later */;

CREATE TABLE place (                        -- a Maildir to which messages were delivered
    account INTEGER NOT NULL REFERENCES account (id),
    path    BLOB    NOT NULL,               -- its absolute path
    inode   INTEGER NOT NULL,               -- of its new/ at the last delivery
    device  INTEGER,                        -- of its new/ then; null: not known
    PRIMARY KEY (account, path)
) STRICT, WITHOUT ROWID;

INSERT INTO place (account, path, inode)
SELECT account, target, inode FROM
    (SELECT account, target, inode, max(id) FROM delivery
     WHERE program IS NULL AND delivered IS NOT NULL GROUP BY account, target);
",
    "
CREATE INDEX account_user ON account (user);
",
    "
ALTER TABLE seen ADD COLUMN suspicion INTEGER NOT NULL DEFAULT 0
    /* why our copy is in doubt: 0 it is not, 1 OUT OF STEP (it may be another message), 2 INCOMPLETE,
       3 PLACEHOLDER (the server has the message), 4 UNSETTLED (nor was a third),
       5 SHORT (not of its listed size), 6 RECURRING (a second download was no better) */;

CREATE INDEX seen_suspicion ON seen (account) WHERE suspicion <> 0;

-- Version 0.1.0 never deleted what may be incomplete. What came back after its deletion is another case.
UPDATE seen SET suspicion = 1, undeletable = 0 WHERE state = 2 AND undeletable = 1 AND came_back = 0;
",
    "
ALTER TABLE account ADD COLUMN pipelining_doubt INTEGER NOT NULL DEFAULT 0
    /* the commands that the server hung up on, while no session without pipelining has followed */;
ALTER TABLE account ADD COLUMN pipelining_breaks INTEGER NOT NULL DEFAULT 0
    /* times in a row that such commands broke a session and the next one worked without */;
ALTER TABLE account ADD COLUMN pipelining_flight INTEGER NOT NULL DEFAULT 0
    /* those commands: 1 login or listing, 2 RETR or TOP, 3 DELE */;
ALTER TABLE account ADD COLUMN target BLOB
    /* SHA-256 of what the configuration said about the target of the last run */;
ALTER TABLE account ADD COLUMN target_proven INTEGER NOT NULL DEFAULT 0
    /* a message has been delivered there */;

CREATE TABLE failure (                      -- of a message, at one step
    account   INTEGER NOT NULL REFERENCES account (id),
    unique_id BLOB    NOT NULL,
    copy      INTEGER NOT NULL,
    step      INTEGER NOT NULL CHECK (step BETWEEN 1 AND 3), -- 1 RETR, 2 the delivery, 3 DELE
    reason    TEXT    NOT NULL,             -- without what is particular to the message
    outlived  INTEGER NOT NULL DEFAULT 0,   -- another message has succeeded since
    attempts  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: that failed, in a row
    next_try  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: not before
    broke     INTEGER NOT NULL DEFAULT 0,   -- only of step 3: a session ended there
    PRIMARY KEY (account, step, unique_id, copy)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE account ADD COLUMN other_headers INTEGER NOT NULL DEFAULT 0
    /* messages in a row whose header (TOP) was another one and whose content was not */;
",
    "
ALTER TABLE seen ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0
    /* deleted, and no session has shown since then that the server has let it go */;

CREATE INDEX seen_unproven ON seen (account) WHERE unproven = 1;
",
    "
ALTER TABLE account ADD COLUMN short_again INTEGER NOT NULL DEFAULT 0
    /* second downloads that had the same octets although LIST says more: with 3, or 6 for less than half
       of the size, the server lists wrong sizes. Until then seen.suspicion is 5 SHORT */;
",
    "
ALTER TABLE account ADD COLUMN lock_changed INTEGER
    /* when its lock file got the generation, by the file system's clock: a later change is a copy */;
",
    "
ALTER TABLE account ADD COLUMN listing_memory INTEGER NOT NULL DEFAULT 0
    /* octets of memory that the last listing needed: the next run takes them before it connects */;
",
    "
CREATE TABLE target (                       -- a program or a mail server to which messages were handed
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE               -- as `log` shows it
) STRICT;

CREATE TABLE handover (                     -- of a message in the spool to a target
    delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    target   INTEGER NOT NULL REFERENCES target (id),
    begun    INTEGER,                       -- it has the message, or had it when we died; null: it refused it
    earliest TEXT NOT NULL DEFAULT '',      -- the first location at which it may have it; empty: it cannot tell
    absent   INTEGER,                       -- when it first said that it does not have it
    location TEXT,                          -- where it has it
    searched INTEGER NOT NULL DEFAULT 0,    -- a search found it there
    taken    INTEGER,                       -- when it had taken it
    repeated INTEGER NOT NULL DEFAULT 0,    -- times that it got it again, as it might have had it
    words    BLOB,                          -- what it said then
    PRIMARY KEY (delivery, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX handover_location ON handover (location) WHERE location IS NOT NULL;
CREATE INDEX handover_unlocated ON handover (target) WHERE location IS NULL AND earliest <> '';

INSERT INTO target (name) SELECT DISTINCT program FROM delivery WHERE program IS NOT NULL;
INSERT INTO handover (delivery, target, begun, taken, repeated, words)
SELECT d.id, t.id, CASE WHEN d.delivered IS NOT NULL OR s.handed_over THEN d.staged END, d.delivered,
    d.repeated, d.words
FROM delivery d JOIN target t ON t.name = d.program LEFT JOIN seen s USING (account, unique_id, copy)
WHERE d.delivered IS NOT NULL OR s.handed_over OR d.repeated > 0;

ALTER TABLE seen DROP COLUMN handed_over;
ALTER TABLE delivery DROP COLUMN repeated;
ALTER TABLE delivery DROP COLUMN words;
",
    "
CREATE TABLE deletion_order (               -- a message that the user wants to be deleted from the server
    account      INTEGER NOT NULL REFERENCES account (id),
    unique_id    BLOB    NOT NULL,          -- it was listed once
    size         INTEGER,                   -- as LIST reported it then
    given        INTEGER NOT NULL,          -- when
    header       BLOB,                      -- SHA-256 of its header then, without the lines that servers
                                            -- write; null if the server has not shown it
    sender       BLOB    NOT NULL,          -- From
    subject      BLOB    NOT NULL,
    message_id   BLOB,                      -- SHA-256 of Message-ID
    date         BLOB,                      -- SHA-256 of Date
    was_received INTEGER NOT NULL,          -- its header has a Received field
    quit_sent    INTEGER,                   -- when QUIT was sent after its DELE
    PRIMARY KEY (account, unique_id)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE account ADD COLUMN visited INTEGER      /* the begin of the last run that ended */;
ALTER TABLE account ADD COLUMN last_success INTEGER /* the end of the last run that succeeded */;
ALTER TABLE account ADD COLUMN problem TEXT         /* the last error, as the user was told */;
ALTER TABLE account ADD COLUMN problem_at INTEGER   /* when that was */;
ALTER TABLE account ADD COLUMN on_server INTEGER    /* messages that the last good run left there */;
ALTER TABLE account ADD COLUMN total_runs INTEGER NOT NULL DEFAULT 0      /* since this column exists */;
ALTER TABLE account ADD COLUMN total_failed INTEGER NOT NULL DEFAULT 0    /* of these runs */;
ALTER TABLE account ADD COLUMN total_delivered INTEGER NOT NULL DEFAULT 0 /* messages */;
ALTER TABLE account ADD COLUMN total_octets INTEGER NOT NULL DEFAULT 0    /* of these messages */;
ALTER TABLE account ADD COLUMN total_deleted INTEGER NOT NULL DEFAULT 0   /* messages, from the server */;

UPDATE account SET last_success = last_run WHERE last_status = 0;

CREATE INDEX seen_attempts ON seen (account) WHERE attempts > 0;
",
    "
CREATE TABLE account_target (               -- a target of an account: a message is delivered when all have it
    account       INTEGER NOT NULL REFERENCES account (id),
    target        INTEGER NOT NULL REFERENCES target (id),
    configuration BLOB,                     -- SHA-256 of what the configuration says about it
    proven        INTEGER NOT NULL DEFAULT 0, -- it has taken a message since that changed
    PRIMARY KEY (account, target)
) STRICT, WITHOUT ROWID;

ALTER TABLE handover ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0
    /* that failed, in a row */;
ALTER TABLE handover ADD COLUMN next_try INTEGER NOT NULL DEFAULT 0
    /* not before */;

INSERT INTO handover (delivery, target)
SELECT d.id, t.id FROM seen s JOIN delivery d USING (account, unique_id, copy)
    JOIN target t ON t.name = d.program
WHERE s.state = 1 AND s.attempts > 0 ON CONFLICT DO NOTHING;
UPDATE handover SET (attempts, next_try) =
    (SELECT s.attempts, s.next_try FROM delivery d JOIN seen s USING (account, unique_id, copy)
     WHERE d.id = handover.delivery)
WHERE taken IS NULL AND EXISTS (SELECT 1 FROM delivery d JOIN seen s USING (account, unique_id, copy)
    WHERE d.id = handover.delivery AND s.state = 1);
UPDATE seen SET attempts = 0, next_try = 0 WHERE state = 1 AND EXISTS
    (SELECT 1 FROM delivery d WHERE d.account = seen.account AND d.unique_id = seen.unique_id
        AND d.copy = seen.copy AND d.program IS NOT NULL);

CREATE TABLE new_failure (                  -- of a message, at one step
    account   INTEGER NOT NULL REFERENCES account (id),
    unique_id BLOB    NOT NULL,
    copy      INTEGER NOT NULL,
    step      INTEGER NOT NULL CHECK (step BETWEEN 1 AND 3), -- 1 RETR, 2 the delivery, 3 DELE
    target    INTEGER NOT NULL DEFAULT 0,   -- only of step 2: who did not take it; 0: the Maildir
    reason    TEXT    NOT NULL,             -- without what is particular to the message
    outlived  INTEGER NOT NULL DEFAULT 0,   -- another message has succeeded since
    attempts  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: that failed, in a row
    next_try  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: not before
    broke     INTEGER NOT NULL DEFAULT 0,   -- only of step 3: a session ended there
    PRIMARY KEY (account, step, target, unique_id, copy)
) STRICT, WITHOUT ROWID;
INSERT INTO new_failure (account, unique_id, copy, step, target, reason, outlived, attempts, next_try, broke)
SELECT account, unique_id, copy, step, CASE step WHEN 2 THEN ifnull((SELECT t.id FROM delivery d
        JOIN target t ON t.name = d.program WHERE d.account = f.account AND d.unique_id = f.unique_id
            AND d.copy = f.copy), 0) ELSE 0 END,
    reason, outlived, attempts, next_try, broke
FROM failure f;
DROP TABLE failure;
ALTER TABLE new_failure RENAME TO failure;
",
    "
ALTER TABLE account ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0 /* logins that were refused in a row */;
ALTER TABLE account ADD COLUMN refused_at INTEGER  /* when the last of them was */;
ALTER TABLE account ADD COLUMN refused_mark BLOB   /* a key, and 16 bits of the digest of key and secret */;
",
    "
CREATE TABLE listed_row (                   -- of the last `mailpull list`, for `#N`
    account_name TEXT NOT NULL,             -- the account may have no row yet
    number    INTEGER NOT NULL,             -- of the message in that session
    unique_id BLOB    NOT NULL,
    PRIMARY KEY (account_name, number)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE seen ADD COLUMN left_by INTEGER    /* the rules that have left it on the server; only if state is 4 */;
ALTER TABLE account ADD COLUMN rules INTEGER   /* of the last good run */;
ALTER TABLE account_target ADD COLUMN by_rule INTEGER NOT NULL DEFAULT 0 /* it gets only what a rule sends there */;

CREATE TABLE chosen_target (                -- the only targets of a message, if there are any
    delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    target   INTEGER NOT NULL REFERENCES target (id),
    PRIMARY KEY (delivery, target)
) STRICT, WITHOUT ROWID;
",
];
