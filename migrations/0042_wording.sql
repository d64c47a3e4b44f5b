-- What a campaign says to each person is put together where its rules stand, and stored by plain inserts.
drop function filled(text, text, text, text, text, text, jsonb);
drop function message_token(uuid, bytea, uuid);
drop function message_tag(bytea, uuid);
