//! Every bound has a name here, and its reason.

use chrono::TimeDelta;

/// Rows one claim may take. More would outlive the time between claim and wire.
pub const CLAIM_MAX: u32 = 500;
/// Lanes one worker holds together; idle ones are visited in one statement.
pub const LANES_HELD_MAX: usize = 512;
/// Calls one worker has open at once, over all lanes.
pub const IN_FLIGHT_MAX: usize = 2_048;

/// Provider call: connecting, and in total.
pub const CONNECT_MAX: TimeDelta = TimeDelta::seconds(3);
pub const CALL_MAX: TimeDelta = TimeDelta::seconds(20);
/// One worker incarnation's lease on all its lanes; renewed every quarter of it. Shorter than a call is fine: an expired
/// attempt becomes unknown, and its own attempt number may still settle it.
pub const LEASE: TimeDelta = TimeDelta::seconds(10);
/// Older than this since the claim, measured on the monotonic clock, and a call is not made any more.
pub const PRE_WIRE_AGE_MAX: TimeDelta = TimeDelta::seconds(4);
/// `attempting` for longer than any call can take becomes `unknown`.
pub const ATTEMPT_MAX: TimeDelta = TimeDelta::seconds(30);
/// How long an outcome is kept in memory and offered to a database that is away.
pub const SETTLE_RETRY_MAX: TimeDelta = TimeDelta::seconds(60);
/// Hard limit of one apalis handler.
pub const HANDLER_MAX: TimeDelta = TimeDelta::seconds(30);
/// Unsettled starts after which a send is poison.
pub const STARTS_MAX: i32 = 3;
/// Definite "not now" answers after which a send is dead.
pub const ATTEMPTS_MAX: i32 = 12;

/// Characters of a text body. WhatsApp: 4,096.
pub const BODY_CHARS_MAX: usize = 4_096;
/// `{{1}}` to `{{10}}`.
pub const PLACEHOLDERS_MAX: usize = 10;
pub const PLACEHOLDER_CHARS_MAX: usize = 1_024;
/// Of a template. WhatsApp: 60 characters above and below the body, 10 buttons of 25.
pub const TEMPLATE_HEADER_CHARS_MAX: usize = 60;
pub const TEMPLATE_FOOTER_CHARS_MAX: usize = 60;
pub const TEMPLATE_BUTTONS_MAX: usize = 10;
pub const TEMPLATE_BUTTON_CHARS_MAX: usize = 25;
/// People a template is shown for at once: each is read by its key.
pub const TEMPLATE_PREVIEWS_MAX: usize = 20;
/// Pages of a provider's templates that one job reads before the next goes on: each may take [`CALL_MAX`], and a handler
/// has [`HANDLER_MAX`].
pub const TEMPLATE_PAGES_PER_JOB: usize = 8;
/// Pages of one listing, 25 templates each. Meta keeps 6,000 at most.
pub const TEMPLATE_PAGES_MAX: u32 = 400;
/// Pages in which one name is looked for: its languages.
pub const TEMPLATE_LANGUAGE_PAGES_MAX: usize = 8;
/// A submission or deletion without an answer for this long has lost its job. Longer than its job is tried again.
pub const TEMPLATE_STILL_MAX: TimeDelta = TimeDelta::hours(1);
/// Such ones that one listing wakes.
pub const TEMPLATE_STILL_PAGE: i64 = 100;
/// Reply buttons of one WhatsApp message.
pub const BUTTONS_MAX: usize = 3;
pub const BUTTON_TITLE_CHARS_MAX: usize = 20;
pub const BUTTON_ID_CHARS_MAX: usize = 256;
pub const CAPTION_CHARS_MAX: usize = 1_024;
pub const LINK_CHARS_MAX: usize = 2_048;
/// Messages in one batch request.
pub const BATCH_MAX: usize = 1_000;
/// Bytes of one API request.
pub const REQUEST_BYTES_MAX: usize = 1_048_576;
/// Bytes of one provider webhook. Meta: 3 MB.
pub const WEBHOOK_BYTES_MAX: usize = 4 * 1_048_576;
/// Events in one provider webhook. Meta batches at most 1,000.
pub const WEBHOOK_EVENTS_MAX: usize = 1_000;
/// Bytes of a provider's answer that are read.
pub const ANSWER_BYTES_MAX: usize = 256 * 1_024;
/// Rows of one page of a list.
pub const PAGE_MAX: i64 = 200;
/// Contacts one page of planning looks at: about a tenth of a second, so a stopped campaign stops.
pub const CAMPAIGN_PAGE: i64 = 5_000;
/// Pages one planning job writes before it lets the next job wait its turn: a second or two, in which other campaigns wait
/// for their first page. Each page is a transaction, after which the campaign may be stopped.
pub const CAMPAIGN_PAGES_PER_JOB: usize = 16;
/// Pages of one campaign that are written at the same time, each by a connection of its own: a second one doubles what two
/// cores of a database plan, and a third would only take them from the lanes.
pub const CAMPAIGN_PAGES_AT_ONCE: usize = 2;
/// How soon a fallback sees that something failed.
pub const FALLBACK_LOOKS_EVERY: TimeDelta = TimeDelta::seconds(5);
/// How late a failure may be reported for a fallback, in seconds after the campaign's end, at most.
pub const FALLBACK_WITHIN_MAX_S: i32 = 86_400;
/// Seconds between the clock of a caller and ours.
pub const SIGNATURE_AGE_MAX_S: i64 = 300;
/// How long after the provider took a message some webhook of the account must have come: they come within seconds, and are
/// repeated for hours by a provider that does not reach us.
pub const WEBHOOK_SILENCE_MAX: TimeDelta = TimeDelta::minutes(15);
/// How old a message may be of which its provider is told that it was read: providers forget them.
pub const TELL_READ_MAX: TimeDelta = TimeDelta::days(30);
/// Characters of one emoji: families and flags are made of many.
pub const EMOJI_CHARS_MAX: usize = 20;
/// How long an idempotent answer is kept.
pub const IDEMPOTENCY_KEPT: TimeDelta = TimeDelta::days(7);
/// Gap between checks of a waiting row that only an event can release.
pub const RECHECK: TimeDelta = TimeDelta::minutes(15);
/// Networks of one client's allow-list.
pub const ALLOW_LIST_MAX: usize = 100;
/// Signatures one request may carry, while a key is rotated.
pub const SIGNATURES_MAX: usize = 4;
/// Characters of a cron expression.
pub const CRON_CHARS_MAX: usize = 200;

/// How long after its reservation a message may reach the provider at the latest, and how far the provider's clock may be
/// from ours. Longer than [`ATTEMPT_MAX`].
pub const PORTFOLIO_LAG: TimeDelta = TimeDelta::seconds(60);
/// How long a person counts against a portfolio's limit: the provider's 24 hours, from the latest instant on at which it may
/// have got the message.
pub const PORTFOLIO_WINDOW: TimeDelta = TimeDelta::seconds(86_400 + 60);
/// People of a portfolio's limit. The largest that a provider names is 100,000.
pub const PORTFOLIO_PEOPLE_MAX: u32 = 10_000_000;
/// Parts of a day into which a forecast sorts the people whom a portfolio has written to.
pub const FORECAST_PORTFOLIO_PARTS: i64 = 48;

/// How far ahead a forecast looks.
pub const FORECAST_DAYS_MAX: i64 = 60;
/// Seeded runs of one forecast.
pub const FORECAST_RUNS: usize = 101;
/// Groups of people that one forecast tells apart.
pub const FORECAST_GROUPS_MAX: usize = 2_000;
/// Tags of one contact, and characters of a tag.
pub const TAGS_MAX: usize = 50;
pub const TAG_CHARS_MAX: usize = 50;
/// Characters of an attribute's name and of its value.
pub const ATTRIBUTE_NAME_CHARS_MAX: usize = 64;
pub const ATTRIBUTE_CHARS_MAX: usize = 1_000;
/// How deep a filter nests: deeper than anybody reads.
pub const FILTER_DEPTH_MAX: usize = 6;
/// Conditions of one filter. Each is asked of every contact that is looked at, some of them with an index lookup.
pub const FILTER_CONDITIONS_MAX: usize = 50;
/// Values of one condition; more are a tag or a group.
pub const FILTER_LIST_MAX: usize = 100;
/// Ten years.
pub const FILTER_DAYS_MAX: u32 = 3_660;
/// Numbers of a filter: up to here every whole number is exact.
pub const FILTER_NUMBER_MAX: f64 = 1e15;
/// Contacts one planning job looks through when its audience is a filter. Nobody may match: the job ends all the same, in
/// about the time in which a full page is written.
pub const CAMPAIGN_LOOK_MAX: i64 = 20_000;
/// Audiences that one campaign leaves out.
pub const EXCLUSIONS_MAX: usize = 10;
/// People that a segment puts into a group, or takes out, at once: one transaction of a second or two.
pub const GROUP_FROM_SEGMENT_MAX: i64 = 100_000;

/// People a campaign after a campaign is for: one statement writes them into a group, in ten seconds or so.
pub const FOLLOW_UP_MAX: i64 = 1_000_000;
/// People of whom a preview tells where they stand.
pub const PREVIEW_SAMPLES: i64 = 20;
/// Bytes of one line of a file of contacts: a quotation mark that is never closed must not swallow the memory.
pub const IMPORT_LINE_BYTES_MAX: usize = 1_048_576;
/// Bytes of a file that are looked at to tell its encoding and its delimiter.
pub const IMPORT_SAMPLE_BYTES: usize = 262_144;
/// Lines that a preview shows.
pub const IMPORT_PREVIEW_LINES: usize = 20;
/// Parts of one uploaded file, each a request of at most [`REQUEST_BYTES_MAX`]: a gibibyte, some five million people.
pub const IMPORT_PARTS_MAX: i32 = 1_024;
/// How long one job reads a file before the next job goes on: half of [`HANDLER_MAX`], so that no chunk is cut.
pub const IMPORT_SLICE: TimeDelta = TimeDelta::seconds(15);
/// A running import that has not moved for this long has lost its job. Longer than any chunk takes.
pub const IMPORT_STILL_MAX: TimeDelta = TimeDelta::seconds(30);
/// An upload that nobody ended is given up after this.
pub const IMPORT_UPLOAD_MAX: TimeDelta = TimeDelta::days(1);
/// Bytes of a wrong line that are kept for the error file.
pub const IMPORT_KEPT_BYTES_MAX: usize = 16_384;
/// Contacts that an export reads at once.
pub const EXPORT_PAGE: i64 = 1_000;
/// Credits of one top-up, one allowance or one price times its parts: so far below 2^63 that no sum runs over.
pub const CREDITS_MAX: i64 = 1_000_000_000_000;
/// Days that one look at what was spent goes back over: rows of a day are few, days are many.
pub const USAGE_DAYS_MAX: i64 = 92;
/// Messages whose credit one sweep accounts for, where nobody did it with their end.
pub const UNACCOUNTED_MAX: i64 = 5_000;
/// Attributes that an export has columns for.
pub const EXPORT_ATTRIBUTES_MAX: i64 = 500;
/// Addresses of one contact after a merge: as many as an export shows.
pub const MERGED_ADDRESSES_MAX: usize = 200;
/// Contacts that one contact may be made of. Whoever is stored more often is no person.
pub const MERGED_CONTACTS_MAX: usize = 100;
/// Groups of a contact that a merge moves: each is told in its history.
pub const MERGED_GROUPS_MAX: usize = 1_000;
/// Messages of a conversation that can be merged into another: they move in one transaction, which webhooks of that person wait for.
pub const MERGED_MESSAGES_MAX: usize = 20_000;
/// How long a link to a person's page leads there: longer than anybody keeps a message to unsubscribe by.
pub const LINK_KEPT: TimeDelta = TimeDelta::days(730);
/// How long a person may take for the second yes.
pub const OPT_IN_LASTS: TimeDelta = TimeDelta::days(7);
/// Opt-ins of one address that may wait at once: whoever types in a stranger's number does not fill their inbox.
pub const OPT_INS_PENDING_MAX: i64 = 10;
/// Bytes of the form of a person's page: all switches of more addresses than a merge allows.
pub const PAGE_FORM_BYTES_MAX: usize = 131_072;

/// Steps of one automation, those of all branches together: more than anybody follows on a screen.
pub const AUTOMATION_STEPS_MAX: usize = 100;
/// How deep branches stand in one another.
pub const AUTOMATION_BRANCH_DEPTH_MAX: usize = 5;
/// Conditions of one automation, those of its branches together.
pub const AUTOMATION_CONDITIONS_MAX: usize = 100;
/// How deep a condition nests: deeper than anybody reads.
pub const AUTOMATION_CONDITION_DEPTH_MAX: usize = 6;
/// Values that one condition, trigger or action names.
pub const AUTOMATION_LIST_MAX: usize = 50;
/// What is told at once about a definition that is wrong.
pub const AUTOMATION_FAULTS_MAX: usize = 50;
/// Keywords of one condition, and characters of each.
pub const KEYWORDS_MAX: usize = 100;
pub const KEYWORD_CHARS_MAX: usize = 100;
/// Characters of a regular expression.
pub const PATTERN_CHARS_MAX: usize = 500;
/// Bytes of a compiled regular expression, and of what its search remembers.
pub const PATTERN_BYTES_MAX: usize = 262_144;
/// Regular expressions of one automation: a worker keeps them compiled.
pub const PATTERNS_MAX: usize = 10;
/// Characters of a message that keywords and patterns look at: a mail may be of any length.
pub const TEXT_LOOKED_AT_CHARS_MAX: usize = 10_000;
/// Placeholders of one text, characters of a fallback, and of a value that stands for a placeholder.
pub const TEXT_PLACEHOLDERS_MAX: usize = 20;
pub const FALLBACK_CHARS_MAX: usize = 100;
pub const VALUE_CHARS_MAX: usize = 256;
/// Seconds of the longest wait of a run, of an automation's rest in one conversation, and of a conversation's idleness.
pub const AUTOMATION_WAIT_MAX_S: u32 = 30 * 86_400;
/// Seconds of the shortest idleness: the sweep that finds it looks once a minute.
pub const IDLE_MIN_S: u32 = 60;
/// The shortest time between two fires of an automation's schedule: each looks at every conversation that is meant.
pub const AUTOMATION_SCHEDULE_EVERY_MIN: TimeDelta = TimeDelta::minutes(5);
/// Seconds of the longest snooze: a year.
pub const SNOOZE_MAX_S: u32 = 366 * 86_400;
/// Seconds in which more messages of the person join a run that has not begun.
pub const DEBOUNCE_MAX_S: u32 = 60;
pub const DEBOUNCE_DEFAULT_S: u32 = 2;
/// Messages that one run is about.
pub const RUN_MESSAGES_MAX: usize = 20;
/// Members that one note mentions.
pub const MENTIONS_MAX: usize = 20;
/// Characters of the reason for which a run is stopped.
pub const STOP_REASON_CHARS_MAX: usize = 200;
/// Minutes of the longest target: thirty days, which are four months of usual business hours.
pub const TARGET_MINUTES_MAX: u32 = 43_200;
/// Characters of the question that people are asked, and of what they say.
pub const RATING_QUESTION_CHARS_MAX: usize = 500;
pub const RATING_COMMENT_CHARS_MAX: usize = 2_000;
/// The longest time in which one person is not asked again.
pub const RATING_EVERY_DAYS_MAX: u32 = 366;
/// How long a person may answer.
pub const RATING_LINK_LASTS: TimeDelta = TimeDelta::days(14);
/// Conversations of one page of questions, and pages of one run; the next run goes on.
pub const RATINGS_PAGE: i64 = 100;
pub const RATINGS_PAGES_MAX: usize = 10;
/// Ratings that one conversation shows.
pub const RATINGS_SHOWN_MAX: i64 = 50;
/// Questions that one count looks at, and the span it is about.
pub const RATINGS_COUNTED_MAX: i64 = 100_000;
pub const RATINGS_SPAN_MAX: TimeDelta = TimeDelta::days(366);
/// Members of a department who are told of a target that was missed in a conversation of nobody.
pub const TARGET_TOLD_MAX: i64 = 50;
/// Stretches of one day in which a business is open.
pub const OPEN_RANGES_MAX: usize = 6;
/// Automations that may have led to one another before a person did something again.
pub const CAUSALITY_DEPTH_MAX: u32 = 3;
/// Automated messages in one conversation within an hour.
pub const AUTOMATED_PER_HOUR_MAX: u32 = 10;

/// Events of one tenant that a process keeps for the streams that follow, in number and bytes: some seconds of a busy
/// tenant. Whoever is further behind reads the table.
pub const LIVE_KEPT_MAX: usize = 1_024;
pub const LIVE_KEPT_BYTES_MAX: usize = 512 * 1_024;
/// Events of one page that a stream reads to catch up, and of one tenant that the hub reads at once.
pub const LIVE_PAGE: i64 = 500;
/// Bytes that a stream hands over at once: what waits for a slow client is no more than this and what the socket holds.
pub const LIVE_CHUNK_BYTES: usize = 64 * 1_024;
/// Streams of one process that read the table at the same time: when a thousand come back at once, others need connections
/// of the database, too.
pub const LIVE_CATCH_UPS_MAX: usize = 4;
/// Streams of one API client and of one process.
pub const LIVE_STREAMS_PER_CLIENT_MAX: usize = 500;
pub const LIVE_STREAMS_MAX: usize = 4_000;
/// The shortest time between two equal words of one member about one conversation.
pub const TYPING_EVERY_MIN: TimeDelta = TimeDelta::seconds(1);
/// How long somebody counts as typing, and as there, without saying so again.
pub const TYPING_KEPT: TimeDelta = TimeDelta::seconds(3);
pub const PRESENCE_KEPT: TimeDelta = TimeDelta::seconds(60);
/// How long events and notifications are kept.
pub const EVENTS_KEPT: TimeDelta = TimeDelta::days(30);
pub const NOTIFICATIONS_KEPT: TimeDelta = TimeDelta::days(90);
/// Bytes of a file in a WhatsApp message, by kind: developers.facebook.com/docs/whatsapp/cloud-api/reference/media.
pub const IMAGE_BYTES_MAX: usize = 5 * 1_048_576;
pub const RECORDING_BYTES_MAX: usize = 16 * 1_048_576;
pub const DOCUMENT_BYTES_MAX: usize = 100 * 1_048_576;
pub const STICKER_BYTES_MAX: usize = 500 * 1_024;
/// Of a text message with pictures: Twilio takes 5 MB.
pub const MMS_BYTES_MAX: usize = 5 * 1_048_576;
/// Mebibytes of files that one worker holds in memory at once: as many of the largest as one job takes.
pub const MEDIA_MIB_AT_ONCE: u32 = 400;
/// Pictures that one process decodes at once: each may take [`PICTURE_ALLOC_BYTES_MAX`].
pub const PICTURES_AT_ONCE: usize = 2;
/// Pixels of a picture: more than any telephone makes. In memory four bytes each.
pub const PICTURE_PIXELS_MAX: u64 = 50_000_000;
pub const PICTURE_SIDE_MAX: u32 = 20_000;
/// Bytes that decoding one picture may take.
pub const PICTURE_ALLOC_BYTES_MAX: u64 = 256 * 1_048_576;
/// Pixels of each side of a person's picture of themselves, and bytes of the one that they bring.
pub const FACE_SIDE: u32 = 256;
pub const AVATAR_BYTES_MAX: usize = 5 * 1_048_576;
/// Pixels of the longer side of a thumbnail.
pub const THUMBNAIL_SIDE_MAX: u32 = 320;
/// Fetching one file, whole: less than [`HANDLER_MAX`].
pub const FETCH_MAX: TimeDelta = TimeDelta::seconds(24);
/// Addresses that fetching one file follows.
pub const FETCH_REDIRECTS_MAX: usize = 3;
/// Attempts to fetch a file; with the waits between them some seven hours, in which a provider comes back.
pub const FETCH_ATTEMPTS_MAX: i32 = 10;
/// How long a file that somebody took to fetch is left to them: longer than the longest handler.
pub const FETCH_LEASE: TimeDelta = TimeDelta::seconds(90);
/// Files that one job takes.
pub const FETCH_PAGE: i64 = 4;
/// Files of one statement of the purge.
pub const PURGE_PAGE: i64 = 200;
/// Pages of one run of the purge; the next run goes on.
pub const PURGE_PAGES_MAX: usize = 25;
/// Parts of one uploaded file, each a request of at most [`REQUEST_BYTES_MAX`]: the largest document.
pub const UPLOAD_PARTS_MAX: i32 = 100;
/// An upload whose last part did not come is given up after this.
pub const UPLOAD_MAX: TimeDelta = TimeDelta::days(1);
/// How long a link to a file leads there.
pub const FILE_LINK_LASTS: TimeDelta = TimeDelta::hours(1);
/// How long the link in a message leads to its file, from the time on at which the message is due: providers fetch late,
/// and gates hold messages for days.
pub const SENT_FILE_LINK_LASTS: TimeDelta = TimeDelta::days(31);
/// Days for which files are kept where a tenant says nothing, and the most a tenant can say.
pub const MEDIA_DAYS_DEFAULT: i32 = 180;
pub const MEDIA_DAYS_MAX: i32 = 3_650;
/// Characters of a search, and of its snippets.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Quick replies of one tenant: more than anybody finds by typing.
pub const QUICK_REPLIES_MAX: i64 = 1_000;
/// Characters of the address of an endpoint.
pub const ENDPOINT_URL_CHARS_MAX: usize = 2_048;
/// Characters of the address of a business' website.
pub const WEBSITE_CHARS_MAX: usize = 500;
/// Endpoints of one tenant.
pub const ENDPOINTS_MAX: i64 = 50;
/// Making a connection to an address that a tenant named, and the call as a whole.
pub const EGRESS_CONNECT_MAX: TimeDelta = TimeDelta::seconds(3);
pub const EGRESS_CALL_MAX: TimeDelta = TimeDelta::seconds(15);
/// Of an endpoint's answer: what is read at most, and what of it is kept.
pub const EGRESS_ANSWER_BYTES_MAX: usize = 65_536;
pub const EGRESS_ANSWER_KEPT_BYTES: usize = 1_024;
/// Deliveries to one endpoint that are on their way at once.
pub const DELIVERIES_AT_ONCE: i64 = 8;
/// How long deliveries that somebody took are left to them: longer than [`EGRESS_CALL_MAX`] and writing down what came of it.
pub const DELIVERY_LEASE: TimeDelta = TimeDelta::seconds(40);
/// How long a delivery is tried.
pub const DELIVERY_TRIED_FOR: TimeDelta = TimeDelta::days(3);
/// How long deliveries that ended can be looked at and sent again.
pub const DELIVERIES_KEPT: TimeDelta = TimeDelta::days(30);
/// How long a rotated secret of an endpoint still signs beside the new one.
pub const FORMER_SECRET_SIGNS: TimeDelta = TimeDelta::hours(24);
