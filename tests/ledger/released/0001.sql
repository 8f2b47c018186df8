PRAGMA application_id = 1399016548;
BEGIN TRANSACTION;
CREATE TABLE candidates (
	study TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	phi DOUBLE NOT NULL, 
	alpha DOUBLE NOT NULL, 
	beta DOUBLE NOT NULL, 
	gamma DOUBLE NOT NULL, 
	network TEXT, 
	network_name TEXT, 
	depth TEXT, 
	width TEXT, 
	resolution BIGINT, 
	nominal_resolution DOUBLE, 
	parameters BIGINT, 
	macs BIGINT, 
	macs_ratio DOUBLE, 
	status TEXT NOT NULL, 
	reason TEXT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, purpose, phi, alpha, beta, gamma)
);
INSERT INTO "candidates" VALUES('s','grid',1.0,1.2,1.1,1.15,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',NULL,'1-2',NULL,37,36.8,NULL,1000000000000,2.0,'kept',NULL,'14369f73e5a5e56ee61329188555446cd63c566537a317f427094e5c56c1c035');
CREATE TABLE decisions (
	study TEXT NOT NULL, 
	round BIGINT NOT NULL, 
	network TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	statistic DOUBLE, 
	threshold DOUBLE, 
	detail TEXT, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, round, network)
);
INSERT INTO "decisions" VALUES('s',1,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','keep',0.0,NULL,NULL,'2026-11-22T04:00:00+00:00','ed930f0c156c0f6b68f449b2acf2b1c2f8a59237285fdd162d86b27df97b0b36');
CREATE TABLE evaluations (
	trial_key TEXT NOT NULL, 
	split TEXT NOT NULL, 
	accuracy DOUBLE, 
	loss DOUBLE, 
	correct_count BIGINT, 
	correct_sha256 TEXT, 
	digest TEXT NOT NULL, 
	correct BLOB, 
	PRIMARY KEY (trial_key, split)
);
INSERT INTO "evaluations" VALUES('621a14ebe520ed443ea08d82ba7368afdbc7062aa4dc4f7a1f141f707441614c','test',0.5,NULL,NULL,'4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a','c5505c124e57859220d56d504e496a33e8845a0b5ccf3307aa10ceb23c35a802',X'01');
CREATE TABLE leases (
	trial_key TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	worker TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	process_start TEXT, 
	beats BIGINT NOT NULL, 
	beat_at DOUBLE, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (trial_key)
);
CREATE TABLE networks (
	fingerprint TEXT NOT NULL, 
	name TEXT NOT NULL, 
	toml TEXT NOT NULL, 
	resolution BIGINT NOT NULL, 
	parameters BIGINT, 
	batch_stats BIGINT, 
	macs BIGINT, 
	activations BIGINT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (fingerprint)
);
INSERT INTO "networks" VALUES('ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0 <α>','name = "b0"',32,7,NULL,1000000000000,9,'12c74696a6effe2828861d0098422efb02d529eab9f088b9918c1d08174ef894');
CREATE TABLE scaling_search_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT scaling_search_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "scaling_search_version" VALUES('0001');
CREATE TABLE studies (
	name TEXT NOT NULL, 
	toml TEXT NOT NULL, 
	baseline TEXT NOT NULL, 
	dataset_name TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	recipe TEXT, 
	dataset TEXT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "studies" VALUES('s','[x]','b0','digits','2026-11-22T04:00:00+00:00','{"epochs":2}',NULL,'210753559693adabe3841d70d57b56fa80c802f639776362abadc9b76c9ec559');
CREATE TABLE summaries (
	table_name TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	total TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (table_name)
);
INSERT INTO "summaries" VALUES('studies',1,'210753559693adabe3841d70d57b56fa80c802f639776362abadc9b76c9ec559','3860c202c21105e1f994fcd2912bf9f872c86521e6a23e212d9976da76663a11');
INSERT INTO "summaries" VALUES('networks',1,'12c74696a6effe2828861d0098422efb02d529eab9f088b9918c1d08174ef894','467f1405c4bdc27646045b7212c3fdff305e445c62beb700a3f50d4fae83d484');
INSERT INTO "summaries" VALUES('candidates',1,'14369f73e5a5e56ee61329188555446cd63c566537a317f427094e5c56c1c035','69a773d184a5f17417a1e52924bc095421db2a58ad4bc3bab90a2b3604f3f512');
INSERT INTO "summaries" VALUES('trials',4,'dd00fbba8b2bef990109921706e935d477dd61716889fb5ceac94073ef1e2665','b38cf41554bed3714f7ddea788f13f9d2b67afd5ec5405c7454590bc868a1631');
INSERT INTO "summaries" VALUES('decisions',1,'ed930f0c156c0f6b68f449b2acf2b1c2f8a59237285fdd162d86b27df97b0b36','141ca25b81fe496269aa81cc1617265bc27ac1b39631494802b2dbd6fec72d93');
INSERT INTO "summaries" VALUES('evaluations',1,'c5505c124e57859220d56d504e496a33e8845a0b5ccf3307aa10ceb23c35a802','578062aae1ef77cc9368ff0c8184ea4e999ce956042ea7ec7bf23bce3201e1fa');
CREATE TABLE trials (
	"key" TEXT NOT NULL, 
	network TEXT NOT NULL, 
	network_name TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	dataset_name TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	attempts BIGINT NOT NULL, 
	resolution BIGINT, 
	parameters BIGINT, 
	batch_stats BIGINT, 
	macs BIGINT, 
	activations BIGINT, 
	accuracy DOUBLE, 
	loss DOUBLE, 
	epochs TEXT, 
	correct_count BIGINT, 
	compile_seconds DOUBLE, 
	train_seconds DOUBLE, 
	evaluate_seconds DOUBLE, 
	memory_bytes BIGINT, 
	device TEXT, 
	versions TEXT, 
	"commit" TEXT, 
	dirty BIGINT, 
	started_at TEXT, 
	finished_at TEXT, 
	failure TEXT, 
	correct_sha256 TEXT, 
	digest TEXT NOT NULL, 
	correct BLOB, 
	PRIMARY KEY ("key")
);
INSERT INTO "trials" VALUES('621a14ebe520ed443ea08d82ba7368afdbc7062aa4dc4f7a1f141f707441614c','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',0,'complete',1,NULL,NULL,NULL,NULL,NULL,0.9375,3.33333333333333314829e-01,'[{"loss":1.0},{"loss":0.5}]',16,1.5,1.0e-09,NULL,1099511627776,'cpu','{"jax":"0.10"}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00',NULL,'f4e15c621abef7aabba8bdc21c1f6321d4e60650dfbc5052ef94d983be09564e','2609026ff66be4ecb50b475d97edd2261fb2654d0ec5d50985489b295008ed52',X'F001');
INSERT INTO "trials" VALUES('99b65396fbc5a85a7b838a984c877f2670d5db0d069c7b7314da6dd691ec4828','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',1,'diverged',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,2.0,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00',NULL,NULL,'0850bcef4c123c06f6ddf9f05b3462a57420ca63f47f7d1cf11326961bccd43a',NULL);
INSERT INTO "trials" VALUES('39dc89d324b71008ef304068a74c8df168f1f20ab5e847638de2e00e43f8cce0','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',2,'failed',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00','out of memory: [red] [0m',NULL,'488777ec5c0dcc4de5fc96a0ca6608cacaa8891aeccf9783a2933b3d515fd4a8',NULL);
INSERT INTO "trials" VALUES('f93b178c91dde7390dd2bb065f516fde31e9f051fd93299d07b58b70894fad01','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',3,'waiting',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'661fc46eeca002576f23ba284960f83e1961a8a5787511b2d1da437731e89031',NULL);
COMMIT;
