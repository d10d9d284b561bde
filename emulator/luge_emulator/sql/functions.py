"""Functions that DuckDB lacks, as macros."""

MACROS = """
CREATE OR REPLACE MACRO _luge_format(value, format) AS strftime(CASE WHEN typeof(value) = 'TIME' THEN NULL ELSE value END, format);
CREATE OR REPLACE MACRO _luge_md5_lower64(value) AS CAST('0x' || right(md5(value), 16) AS UBIGINT);
CREATE OR REPLACE MACRO _luge_md5_upper64(value) AS CAST('0x' || left(md5(value), 16) AS UBIGINT);
CREATE OR REPLACE MACRO _luge_flatten_recursive(input) AS TABLE SELECT hash(to_json(input)) AS "SEQ", n."KEY", n."PATH", n."INDEX", n."VALUE"::JSON AS "VALUE",
    n."THIS"::JSON AS "THIS"
    FROM (SELECT unnest(_luge_json_nodes(to_json(input)::VARCHAR)) AS n);
CREATE OR REPLACE MACRO _luge_text(value) AS CASE WHEN typeof(value) = 'JSON' THEN json_extract_string(CAST(value AS VARCHAR), '$')
    WHEN typeof(value) LIKE 'DECIMAL%' THEN regexp_replace(CAST(value AS VARCHAR), '^(-?)[.]', '\\10.') ELSE CAST(value AS VARCHAR) END;
CREATE OR REPLACE MACRO _luge_typeof(value) AS CASE json_type(value) WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'VARCHAR' THEN 'VARCHAR' WHEN 'OBJECT' THEN 'OBJECT'
    WHEN 'ARRAY' THEN 'ARRAY' WHEN 'BOOLEAN' THEN 'BOOLEAN' ELSE
    CASE WHEN regexp_full_match(CAST(value AS VARCHAR), '-?[0-9]+') THEN 'INTEGER' WHEN contains(lower(CAST(value AS VARCHAR)), 'e') THEN 'DOUBLE' ELSE 'DECIMAL' END END;
CREATE OR REPLACE MACRO booland_agg(value) AS bool_and(value);
CREATE OR REPLACE MACRO boolor_agg(value) AS bool_or(value);
CREATE OR REPLACE MACRO system$typeof(value) AS typeof(value);
CREATE OR REPLACE MACRO current_role() AS getvariable('_luge_role');
CREATE OR REPLACE MACRO current_warehouse() AS getvariable('_luge_warehouse');
CREATE OR REPLACE MACRO current_account() AS getvariable('_luge_account');
CREATE OR REPLACE MACRO current_region() AS 'LOCAL';
CREATE OR REPLACE MACRO current_version() AS '9.0.0';
CREATE OR REPLACE MACRO current_session() AS getvariable('_luge_session');
"""
