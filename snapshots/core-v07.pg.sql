--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: media_comments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media_comments (
    id integer NOT NULL,
    media_id integer NOT NULL,
    author_id integer,
    body text NOT NULL,
    created timestamp without time zone NOT NULL
);


--
-- Name: media_comments_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.media_comments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: media_comments_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.media_comments_id_seq OWNED BY public.media_comments.id;


--
-- Name: media_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.media_entries (
    id integer NOT NULL,
    uploader_id integer NOT NULL,
    title character varying(200) NOT NULL,
    description text,
    path character varying(500),
    state character varying(20) DEFAULT 'processed'::character varying NOT NULL,
    created timestamp without time zone NOT NULL,
    slug character varying(220) NOT NULL
);


--
-- Name: media_entries_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.media_entries_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: media_entries_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.media_entries_id_seq OWNED BY public.media_entries.id;


--
-- Name: migrate_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.migrate_version (
    repository_id character varying(250) NOT NULL,
    repository_path text,
    version integer
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id integer NOT NULL,
    username character varying(64) NOT NULL,
    email character varying(190) NOT NULL,
    password_hash character varying(190),
    created timestamp without time zone NOT NULL
);


--
-- Name: users_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.users_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: users_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;


--
-- Name: media_comments id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_comments ALTER COLUMN id SET DEFAULT nextval('public.media_comments_id_seq'::regclass);


--
-- Name: media_entries id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_entries ALTER COLUMN id SET DEFAULT nextval('public.media_entries_id_seq'::regclass);


--
-- Name: users id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);


--
-- Data for Name: media_comments; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.media_comments (id, media_id, author_id, body, created) FROM stdin;
1	1	2	Pyszne! Smacznego 😋	2012-11-15 12:20:15
2	1	3	It's 100% sugar -- isn't it?	2012-11-16 12:37:15
3	3	1	Line one\n\nline three: 'quoted' "twice"	2012-11-17 12:54:15
4	5	4	\\N is not NULL; NULL is not 'NULL'	2012-11-18 13:11:15
5	2	1	:param %d %% {brace}	2012-11-19 13:28:15
6	3	\N	Written by someone who left	2012-11-25 15:10:15
\.


--
-- Data for Name: media_entries; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.media_entries (id, uploader_id, title, description, path, state, created, slug) FROM stdin;
1	1	Crème brûlée: 100% homemade	First line\nsecond line, a "quote" and it's 12:30	ada/crème.jpg	processed	2012-11-09 10:38:15	creme-brulee-100-homemade
2	1	creme brulee - 100% HOMEMADE	\N	ada/2%20copy.jpg	processed	2012-11-10 10:55:15	creme-brulee-100-homemade-2
3	2	夜の東京 🎬	emoji 🎞️ and a tab\there	g/東京.webm	processed	2012-11-11 11:12:15	media-3
4	3	%s %(title)s :title ?		\N	failed	2012-11-12 11:29:15	s-title-s-title
5	3	Don't look; DROP TABLE	C:\\temp\\new	o'b/x.png	private	2012-11-13 11:46:15	don-t-look-drop-table
6	4	夜の東京	\N	\N	private	2012-11-14 12:03:15	media-6
7	2	Łódź	After slugs	g/lodz.jpg	processed	2012-11-26 15:27:15	lodz
\.


--
-- Data for Name: migrate_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.migrate_version (repository_id, repository_path, version) FROM stdin;
core	\N	7
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.users (id, username, email, password_hash, created) FROM stdin;
1	ada	ada@example.org	sha256:100%:abc'def	2012-11-05 09:30:15
2	Grażyna	grazyna@example.org	\N	2012-11-06 09:47:15
3	o'brien	o'brien+50%@example.org	pbkdf2:"x"	2012-11-07 10:04:15
4	李雷	lilei@example.org		2012-11-08 10:21:15
\.


--
-- Name: media_comments_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.media_comments_id_seq', 6, true);


--
-- Name: media_entries_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.media_entries_id_seq', 7, true);


--
-- Name: users_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.users_id_seq', 4, true);


--
-- Name: media_comments media_comments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_comments
    ADD CONSTRAINT media_comments_pkey PRIMARY KEY (id);


--
-- Name: media_entries media_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_entries
    ADD CONSTRAINT media_entries_pkey PRIMARY KEY (id);


--
-- Name: migrate_version migrate_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.migrate_version
    ADD CONSTRAINT migrate_version_pkey PRIMARY KEY (repository_id);


--
-- Name: media_entries uq_media_entries_uploader_slug; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_entries
    ADD CONSTRAINT uq_media_entries_uploader_slug UNIQUE (uploader_id, slug);


--
-- Name: users uq_users_username; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_username UNIQUE (username);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: ix_media_entries_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_media_entries_created ON public.media_entries USING btree (created);


--
-- Name: media_comments fk_media_comments_author; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_comments
    ADD CONSTRAINT fk_media_comments_author FOREIGN KEY (author_id) REFERENCES public.users(id) ON DELETE SET NULL;


--
-- Name: media_comments fk_media_comments_media; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_comments
    ADD CONSTRAINT fk_media_comments_media FOREIGN KEY (media_id) REFERENCES public.media_entries(id);


--
-- Name: media_entries fk_media_entries_uploader; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.media_entries
    ADD CONSTRAINT fk_media_entries_uploader FOREIGN KEY (uploader_id) REFERENCES public.users(id);


--
-- PostgreSQL database dump complete
--


