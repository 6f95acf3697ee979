-- A danlu run file: everything that one training run said, in one SQLite database.
--
-- Read it with any sqlite3 from 3.37 on; no extension is needed. What you are looking for is in the views at the
-- end: run, history, config, summary, files, system, console, alerts, artifacts, metrics, tags. For instance
--
--     SELECT step, value FROM history WHERE key = 'val_loss';
--
-- The tables above them are the record: rows are only ever added, in the order in which the run said things.
-- Each row stands for one record and its id is its place in the stream:
--
--     id = attempt * 1099511627776 + seq          (1099511627776 is 2 to the 40th)
--
-- where attempt counts the processes that wrote this run (0 is the first) and seq counts an attempt's records from 1.
-- Values are INTEGER or REAL for numbers, NULL for NaN, and JSON text for everything else: true, "adam", [1, 2], null.
-- Times are whole microseconds since 1970-01-01 UTC in the tables and seconds in the views.
--
-- Do not write to this file: its history is protected by checksums, and `danlu verify` tells.

PRAGMA application_id = 1684827765;  -- "dlnu"
PRAGMA user_version = 2;             -- the version of this schema

-- One row for each process that wrote this run.
CREATE TABLE attempt (
    id        INTEGER PRIMARY KEY,  -- the id of its start record: seq is 1
    attempt   BLOB NOT NULL,        -- 16 random bytes, the same on every copy of this run
    entity    TEXT NOT NULL,        -- team or user; '' when none was given
    project   TEXT NOT NULL,
    run       TEXT NOT NULL,        -- the run id
    time      INTEGER NOT NULL,
    name      TEXT NOT NULL,        -- display name
    job_group TEXT NOT NULL,
    job_type  TEXT NOT NULL,
    notes     TEXT NOT NULL,
    tags      TEXT NOT NULL,        -- JSON array of texts
    host      TEXT NOT NULL,
    pid       INTEGER NOT NULL,
    danlu     TEXT NOT NULL,        -- the version that wrote it
    info      TEXT NOT NULL,        -- JSON object: anything else known at the start
    rank      INTEGER,              -- which of several writers it is
    origin    TEXT NOT NULL CHECK (origin IN ('new', 'resume', 'fork', 'rewind')),
    from_run  TEXT,                 -- fork: the id of the other run
    from_step INTEGER               -- fork, rewind: the last step that counts
) STRICT;

-- The names of history keys. A name comes once for each attempt that used it.
CREATE TABLE key (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    system INTEGER NOT NULL         -- 1: a system metric, not part of the history
) STRICT;

-- One row for each call of log(), or for each sample of system metrics (then step is NULL).
CREATE TABLE row (
    id   INTEGER PRIMARY KEY,
    step INTEGER,
    time INTEGER NOT NULL
) STRICT;

-- The values of the rows. Points that arrived together lie together by key: `extent` says which key they are of.
CREATE TABLE point (
    id    INTEGER PRIMARY KEY,      -- counts from 1; not a place in the stream
    row   INTEGER NOT NULL,         -- row.id
    value ANY
) STRICT;

-- The points first to last are of this key.
CREATE TABLE extent (
    first    INTEGER PRIMARY KEY,   -- point.id
    last     INTEGER NOT NULL,      -- point.id
    key      INTEGER NOT NULL,      -- key.id
    before   INTEGER NOT NULL,      -- how many points of the key come before
    envelope INTEGER NOT NULL       -- envelope.id: the newest of the key, 0 while there is none
) STRICT;
CREATE INDEX extent_key ON extent (key);

-- What charts are drawn from. It follows from the points; docs/format.md describes the bytes.
CREATE TABLE envelope (
    id     INTEGER PRIMARY KEY,
    key    INTEGER NOT NULL,        -- key.id
    level  INTEGER NOT NULL,        -- 16 buckets of 64 * 4^level points each
    before INTEGER NOT NULL,        -- envelope.id: the one before it that nothing summed up yet
    data   BLOB NOT NULL            -- of each bucket the first, smallest, largest and last value, and so on
) STRICT;

-- Every change of the config and, by hand or by what a metric's definition asks for, of the summary.
CREATE TABLE setting (
    id      INTEGER PRIMARY KEY,
    scope   TEXT NOT NULL CHECK (scope IN ('config', 'summary')),
    key     TEXT NOT NULL,
    value   ANY,
    removed INTEGER NOT NULL        -- 1: the key was taken away
) STRICT;

-- Every version of every stored file. Its bytes are the blob of that sha256.
CREATE TABLE file (
    id     INTEGER PRIMARY KEY,
    time   INTEGER NOT NULL,
    path   TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size   INTEGER NOT NULL
) STRICT;

-- Stored contents, each once, with a row here as soon as all their chunks are there. A server keeps them elsewhere.
CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY,
    size   INTEGER NOT NULL,
    n      INTEGER NOT NULL         -- counts from 0
) STRICT, WITHOUT ROWID;

-- The bytes of the blobs, a mebibyte at a time.
CREATE TABLE chunk (
    id    INTEGER PRIMARY KEY,      -- blob.n * 16777216 + place in the blob, from 0
    bytes BLOB NOT NULL
) STRICT;

-- Everything else that happened at a time. What name, text and data are depends on kind:
--   stdout, stderr   text: what was printed
--   metric           name: of the metric, or the beginning of names and *; data: {"step_metric": …, "step_sync": …,
--                    "hidden": …, "summary": ["min", …], "goal": …, "glob": the definition that it follows from}
--   alert            name: title; text; data: {"level": "INFO" | "WARN" | "ERROR"}
--   artifact         name:version; text: 'made', 'used' and so on; data: {"type": …, "digest": …, "manifest": {…}}
--   tag              name: the tag; text: 'add' or 'remove'
--   rename           name: 'name', 'notes', 'group' or 'job_type'; text: what it is now
--   lost             text: why; data: {"records": how many could not be stored}
--   end              data: {"exit_code": …}: the attempt ended in order
CREATE TABLE event (
    id   INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL              -- JSON, or ''
) STRICT;

-- The chain of checksums: each row covers the records after the one before it, up to and including its own id.
CREATE TABLE segment (
    id     INTEGER PRIMARY KEY,     -- the id of its last record
    points INTEGER NOT NULL,        -- the largest point.id when it was cut
    sha256 BLOB NOT NULL,           -- of its canonical encoding
    size   INTEGER NOT NULL,        -- of that encoding, in bytes
    digest BLOB,                    -- in the last segment of a sealed attempt: the digest of the whole attempt
    packed BLOB                     -- in a compacted file: the encoding, compressed by zstd, in place of the rows
) STRICT;

-- Append-only, and enforced.
CREATE TRIGGER attempt_update BEFORE UPDATE ON attempt BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER attempt_delete BEFORE DELETE ON attempt BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER key_update BEFORE UPDATE ON key BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER key_delete BEFORE DELETE ON key BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER row_update BEFORE UPDATE ON row BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER row_delete BEFORE DELETE ON row BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER point_update BEFORE UPDATE ON point BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER point_delete BEFORE DELETE ON point BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER extent_update BEFORE UPDATE ON extent BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER extent_delete BEFORE DELETE ON extent BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER envelope_update BEFORE UPDATE ON envelope BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER envelope_delete BEFORE DELETE ON envelope BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER setting_update BEFORE UPDATE ON setting BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER setting_delete BEFORE DELETE ON setting BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER file_update BEFORE UPDATE ON file BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER file_delete BEFORE DELETE ON file BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER blob_update BEFORE UPDATE ON blob BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER blob_delete BEFORE DELETE ON blob BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER chunk_update BEFORE UPDATE ON chunk BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER chunk_delete BEFORE DELETE ON chunk BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER segment_update BEFORE UPDATE ON segment BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER segment_delete BEFORE DELETE ON segment BEGIN SELECT raise(ABORT, 'append-only'); END;

-- The run as it stands now, in one row. A run that is neither finished nor failed either runs or has crashed:
-- the file alone cannot know; `danlu ls` does.
CREATE VIEW run (id, entity, project, name, job_group, job_type, notes, host, started, ended, state) AS
SELECT a.run, a.entity, a.project,
    coalesce((SELECT text FROM event WHERE kind = 'rename' AND event.name = 'name' AND event.id > a.id ORDER BY id DESC LIMIT 1), a.name),
    coalesce((SELECT text FROM event WHERE kind = 'rename' AND event.name = 'group' AND event.id > a.id ORDER BY id DESC LIMIT 1), a.job_group),
    coalesce((SELECT text FROM event WHERE kind = 'rename' AND event.name = 'job_type' AND event.id > a.id ORDER BY id DESC LIMIT 1), a.job_type),
    coalesce((SELECT text FROM event WHERE kind = 'rename' AND event.name = 'notes' AND event.id > a.id ORDER BY id DESC LIMIT 1), a.notes),
    a.host,
    (SELECT time FROM attempt ORDER BY id LIMIT 1) / 1e6,
    e.time / 1e6,
    CASE e.data WHEN '{"exit_code":0}' THEN 'finished' ELSE CASE WHEN e.id IS NULL THEN 'unfinished' ELSE 'failed' END END
FROM (SELECT * FROM attempt ORDER BY id DESC LIMIT 1) AS a
LEFT JOIN event AS e ON e.kind = 'end' AND e.id > a.id;

-- One row for each value that was logged. A run that was rewound counts from there.
CREATE VIEW history (step, time, key, value, rank) AS
SELECT r.step, r.time / 1e6, k.name, p.value, a.rank
FROM key AS k
CROSS JOIN attempt AS a ON a.id = (k.id >> 40 << 40) + 1
CROSS JOIN extent AS e ON e.key = k.id
CROSS JOIN point AS p ON p.id BETWEEN e.first AND e.last
LEFT JOIN row AS r ON r.id = p.row
WHERE k.system = 0 AND k.id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind');

-- The same for system metrics, which have no step.
CREATE VIEW system (time, key, value, rank) AS
SELECT r.time / 1e6, k.name, p.value, a.rank
FROM key AS k
CROSS JOIN attempt AS a ON a.id = (k.id >> 40 << 40) + 1
CROSS JOIN extent AS e ON e.key = k.id
CROSS JOIN point AS p ON p.id BETWEEN e.first AND e.last
LEFT JOIN row AS r ON r.id = p.row
WHERE k.system = 1;

CREATE VIEW config (key, value) AS
SELECT key, value
FROM (
    SELECT key, value, removed, max(id) FROM setting
    WHERE scope = 'config' AND id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
    GROUP BY key
)
WHERE removed = 0;

CREATE VIEW metrics (name, data) AS
SELECT name, data
FROM (
    SELECT name, data, max(id) FROM event
    WHERE kind = 'metric' AND id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
    GROUP BY name
);

-- The last value of every key of the history, unless the summary was set by hand later. A metric that is defined with a
-- summary has the keys loss.min, loss.max and so on in place of that, about a second old while the run is written.
CREATE VIEW summary (key, value) AS
SELECT key, value
FROM (
    SELECT key, value, removed, max(id)
    FROM (
        SELECT k.name AS key, p.value,
            k.name IN (SELECT name FROM metrics WHERE instr(data, '"summary":["') > 0) AS removed, p.row AS id
        FROM key AS k
        CROSS JOIN point AS p
            ON p.id = (SELECT e.last FROM extent AS e WHERE e.key = k.id ORDER BY e.first DESC LIMIT 1)
        WHERE k.system = 0
        UNION ALL
        SELECT key, value, removed, id FROM setting WHERE scope = 'summary'
    )
    WHERE id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
    GROUP BY key
)
WHERE removed = 0;

-- The newest version of each file.
CREATE VIEW files (path, size, sha256, time) AS
SELECT path, size, lower(hex(sha256)), time / 1e6
FROM (SELECT path, size, sha256, time, max(id) FROM file GROUP BY path);

CREATE VIEW console (time, stream, text) AS
SELECT time / 1e6, kind, text FROM event WHERE kind IN ('stdout', 'stderr') ORDER BY id;

CREATE VIEW alerts (time, title, text, data) AS
SELECT time / 1e6, name, text, data FROM event WHERE kind = 'alert' ORDER BY id;

CREATE VIEW artifacts (time, name, relation, data) AS
SELECT time / 1e6, name, text, data FROM event WHERE kind = 'artifact' ORDER BY id;

-- Tags given later. Those given at the start are in attempt.tags of the last attempt.
CREATE VIEW tags (tag) AS
SELECT name
FROM (
    SELECT name, text, max(id) FROM event
    WHERE kind = 'tag' AND id > (SELECT max(id) FROM attempt)
    GROUP BY name
)
WHERE text = 'add';
