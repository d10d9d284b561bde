#include "app/verb.h"

#include <array>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::array kVerbs{
    VerbSpec{Verb::demo, "demo", "a live PostgreSQL, a mirror, a kill -9, and the proof that both sides are equal",
             "Starts a PostgreSQL server of its own in a temporary directory, follows it into a DuckDB file under load, kills the follower in the\n"
             "middle, starts it again, and compares both sides. Takes under a minute and leaves nothing behind.",
             "", false,
             "luge demo\n# the same to Snowflake, emulated; from luge's source tree: make demo-snowflake\nluge demo --emulator emulator/run", ""},
    VerbSpec{Verb::run, "run", "checks, plan, copy with progress, then live",
             "Copies the selected tables and then follows every committed change, until it is told to stop (SIGTERM or SIGINT: it finishes what\n"
             "it holds, acknowledges, and exits 0). Everything is checked before anything is created.",
             "", false,
             "luge run --source postgres://app@db.example/shop --to duckdb:shop.duckdb\n"
             "# two schemas without their audit tables, until the mirror holds everything committed so far\n"
             "luge run --source service=shop --to duckdb:shop.duckdb --tables 'public.*,sales.*,!*.audit_*' --until caught-up\n"
             "# every change as a row of its own instead of a mirror\n"
             "luge run --source service=shop --to duckdb:history.duckdb --mode log\n"
             "# to Snowflake: luge.yaml has a section `snowflake` (see docs/reference/options.md; `luge snowflake init` makes it)\n"
             "luge run --source service=shop --to snowflake: --config luge.yaml",
             "0 stopped or caught up, 1 failed, 2 wrong usage, 3 stopped for a decision of yours (gap, identity, quarantine)"},
    VerbSpec{Verb::plan, "plan", "what `run` would do, and what stands in its way",
             "Runs the checks of `run` against the source and the destination and prints what would be created and copied. Changes nothing.", "",
             false, "luge plan --source postgres://app@db.example/shop --to duckdb:shop.duckdb",
             "0 ready, 1 something stands in the way, 3 it needs a decision"},
    VerbSpec{Verb::doctor, "doctor", "what is wrong, and the exact command that fixes it",
             "Every check of `run`, each with its outcome and its fix, without the plan. Changes nothing.", "", false,
             "luge doctor --source postgres://app@db.example/shop --to duckdb:shop.duckdb\nluge doctor --to duckdb:shop.duckdb --json",
             "0 nothing is wrong, 1 something is, 3 it needs a decision"},
    VerbSpec{Verb::status, "status", "every table's state, lag in bytes and seconds, the slot",
             "Asks the running luge; when none runs, says what the files hold, and with --source what the server says of the slot and the lag.", "",
             false, "luge status --to duckdb:shop.duckdb\nluge status --to duckdb:shop.duckdb --json", ""},
    VerbSpec{Verb::top, "top", "the status of the running luge, again every second",
             "Ends with q, with Ctrl-C, or when luge ends. Where stdout is no terminal the texts follow each other.", "", false,
             "luge top --to duckdb:shop.duckdb", ""},
    VerbSpec{Verb::query, "query", "asks the mirror, also while luge runs", "Runs one read-only statement at the latest commit of the mirror.", "SQL",
             true,
             "luge query --to duckdb:shop.duckdb 'select count(*) from orders'\nluge query --to duckdb:shop.duckdb --json 'from orders limit 3'", ""},
    VerbSpec{
        Verb::verify, "verify", "source and destination compared at one LSN",
        "Reads both sides as of the same LSN: the source through the exported snapshot of a temporary slot, the mirror held at that LSN. Each side\n"
        "makes its own canonical text of every value, hashes it per row and sums the hashes. On a difference it names the keys. A table that is\n"
        "selected and that the mirror does not follow is named too.",
        "TABLE…", false,
        "luge verify --source service=shop --to duckdb:shop.duckdb\nluge verify --source service=shop --to duckdb:shop.duckdb public.orders --json",
        "0 equal, 1 failed, 3 no difference, but a table was not compared, 4 a difference was found"},
    VerbSpec{Verb::resync, "resync", "copies a table again; the old data stays readable until the new is complete",
             "Also the way out of quarantine. The running luge copies it at once; when none runs, the next luge run does.", "TABLE", true,
             "luge resync --to duckdb:shop.duckdb public.orders", ""},
    VerbSpec{
        Verb::pause, "pause", "luge reads nothing further until it is resumed",
        "The running luge finishes the transaction it is in, keeps its connection, goes on acknowledging what is durable, and changes no table;\n"
        "copies wait too. When none runs, the next luge run begins paused. A pause outlives restarts; drop forgets it. The source keeps its\n"
        "WAL meanwhile: luge status shows how much that is by now.",
        "", false, "luge pause --to duckdb:shop.duckdb", ""},
    VerbSpec{Verb::resume, "resume", "a paused luge goes on", "Where it was: nothing is lost by a pause as long as the source keeps the slot.", "",
             false, "luge resume --to duckdb:shop.duckdb", ""},
    VerbSpec{Verb::drop, "drop", "removes the slot, luge's publication and the state; never the mirror",
             "For the end of a pipeline: afterwards the source keeps no WAL for it. The mirror stays as it is, with its schema _luge.", "", false,
             "luge drop --source service=shop --to duckdb:shop.duckdb", ""},
    VerbSpec{Verb::serve, "serve", "many pipelines, from a catalog: starts, stops and restarts them, watches their sources, tells people",
             "Runs the pipelines that the catalog's rows ask for, and does within two seconds what a changed row asks. Console, API and Prometheus'\n"
             "metrics are on 127.0.0.1:9000. SIGTERM drains every pipeline; SIGHUP reads secrets again and tries what has failed. Several processes\n"
             "may serve one catalog: each pipeline runs in one of them, and a dead one's are taken over. The file of --config may have the sections\n"
             "`alerts` (webhooks) and `wal` (when a source's WAL is a worry).",
             "", false,
             "luge source add shop conninfo='postgres://app:${SHOP_PASSWORD}@db.example/shop'\n"
             "luge destination add lake address=duckdb:/data/shop.duckdb\n"
             "luge pipeline add shop source=shop destination=lake tables='public.*'\n"
             "luge serve\n"
             "# a catalog in PostgreSQL, for several machines\n"
             "luge serve --catalog postgres://luge@db.example/ops --http 0.0.0.0:9000 --http-token-for-reading",
             "0 told to stop, and drained; 1 failed; 2 wrong usage"},
    VerbSpec{
        Verb::source, "source", "the sources of the catalog: add, list, show, edit, remove",
        "A source is a PostgreSQL database: conninfo=URL, and options that all its pipelines have in common. A password is ${NAME}, file:PATH, or\n"
        "encrypted by luge when $LUGE_CATALOG_KEYS or $LUGE_CATALOG_KEYS_FILE holds a key; in plain text it is refused.",
        "ACTION [NAME] [KEY=VALUE]…", true,
        "luge source add shop conninfo='postgres://app:${SHOP_PASSWORD}@db.example/shop'\nluge source edit shop parallel_copies=2\n"
        "luge source list --json",
        ""},
    VerbSpec{Verb::destination, "destination", "the destinations of the catalog: add, list, show, edit, remove",
             "A destination has an address (duckdb:PATH, parquet:DIR, snowflake:, null:) and, for Snowflake, the keys of its section as options.",
             "ACTION [NAME] [KEY=VALUE]…", true,
             "luge destination add lake address=duckdb:/data/shop.duckdb\n"
             "luge destination add warehouse address=snowflake: account=MYORG-MYACCOUNT user=LUGE private_key_file=/etc/luge/key.p8 database=SHOP",
             ""},
    VerbSpec{
        Verb::pipeline, "pipeline", "the pipelines of the catalog: add, list, show, edit, start, pause, remove",
        "A pipeline names its source and destination, and says tables, mode, batch_max_size, batch_max_fill_ms; any other option of luge run may\n"
        "follow. A pause drains the pipeline and keeps its slot, and so does its removal: luge drop removes the slot.",
        "ACTION [NAME] [KEY=VALUE]…", true,
        "luge pipeline add shop source=shop destination=lake tables='public.*,!public.audit_*' on_gap=resync\n"
        "luge pipeline pause shop\nluge pipeline show shop --json",
        ""},
    VerbSpec{
        Verb::apply, "apply", "the catalog as a file says; shows the difference",
        "The document has the sections `sources`, `destinations` and `pipelines`, each a mapping of names to what KEY=VALUE would say. What it does\n"
        "not name is left alone, or removed with --prune. Everything is checked before anything is changed.",
        "", false, "luge apply -f luge.yaml --dry-run\nluge apply -f luge.yaml --prune --catalog sqlite:/var/lib/luge/catalog.db", ""},
    VerbSpec{Verb::secrets, "secrets", "encrypts the catalog's secrets again, with the first key",
             "`luge secrets rotate` is for a change of keys: put the new key in front of the old one (first line of the file that\n"
             "$LUGE_CATALOG_KEYS_FILE names, or of $LUGE_CATALOG_KEYS), start every luge serve of the catalog again with both, rotate, and take the\n"
             "old key away. What is no encrypted secret stays as it is; pipelines go on running, since their secrets are the same.",
             "rotate", true,
             "LUGE_CATALOG_KEYS_FILE=/etc/luge/keys luge secrets rotate\n"
             "luge secrets rotate --catalog sqlite:/var/lib/luge/catalog.db --json",
             "0 every secret is encrypted with the first key; 1 one could not be opened, and nothing was changed; 2 wrong usage"},
    VerbSpec{
        Verb::state, "state", "moves luge's state of a pipeline to another store: export, import",
        "`luge state export` writes what luge remembers of a pipeline (positions, the ledger of a Snowflake destination) as JSON, and `luge state\n"
        "import` puts it into a store that holds nothing of this pipeline yet. luge must not run meanwhile, and never again with the old store:\n"
        "should it, the next start with the new one finds a gap and stops.",
        "export|import", true,
        "luge state export --to duckdb:shop.duckdb -f shop.state\n"
        "luge state import --to duckdb:shop.duckdb --state redis://cache.example -f shop.state\n"
        "# without a file\nluge state export --to snowflake: --pipeline shop | luge state import --to snowflake: --pipeline shop --state "
        "redis://cache.example",
        ""},
    VerbSpec{
        Verb::snowflake, "snowflake", "a user, a key and the grants for luge in a Snowflake account: printed or run",
        "`luge snowflake init` makes an RSA key pair, unless the file is there, and prints the SQL that an administrator runs once (role,\n"
        "warehouse, database, service user with the public key, grants) and the section for luge.yaml. With --run it runs the SQL itself, as\n"
        "the administrator of --admin-user and --admin-key-file or of the programmatic access token in $LUGE_ADMIN_PAT, and then checks that luge\n"
        "can sign in. Everything may be repeated. A key is encrypted if $LUGE_KEY_PASSPHRASE is set. Names come from the section `snowflake`\n"
        "of --config too; what is named nowhere is called LUGE.",
        "init", true,
        "luge snowflake init --account MYORG-MYACCOUNT --database SHOP > setup.sql\n"
        "# an encrypted key, and the statements run at once\n"
        "LUGE_KEY_PASSPHRASE=… luge snowflake init --account MYORG-MYACCOUNT --run --admin-user ME --admin-key-file me.p8",
        "0 done, 1 failed, 2 wrong usage"},
};

}  // namespace

std::span<const VerbSpec> verb_table() { return kVerbs; }

const VerbSpec& spec_of(Verb verb) {
  for (const VerbSpec& spec : kVerbs) {
    if (spec.verb == verb) return spec;
  }
  ENSURE(false, "every verb is in the table");
}

std::optional<Verb> parse_verb(std::string_view name) {
  for (const VerbSpec& spec : kVerbs) {
    if (spec.name == name) return spec.verb;
  }
  return std::nullopt;
}

}  // namespace luge
