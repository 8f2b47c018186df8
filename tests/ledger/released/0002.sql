PRAGMA application_id = 1399016548;
BEGIN TRANSACTION;
CREATE TABLE candidates (
	study TEXT NOT NULL, 
	role TEXT NOT NULL, 
	network TEXT NOT NULL, 
	network_name TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	phi DOUBLE, 
	alpha DOUBLE, 
	beta DOUBLE, 
	gamma DOUBLE, 
	nominal_resolution DOUBLE, 
	depth_factor DOUBLE, 
	width_factor DOUBLE, 
	resolution_factor DOUBLE, 
	depth TEXT, 
	width TEXT, 
	resolution BIGINT, 
	parameters BIGINT, 
	activations BIGINT, 
	memory BIGINT, 
	macs BIGINT, 
	macs_ratio DOUBLE, 
	status TEXT NOT NULL, 
	reason TEXT, 
	recipe TEXT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, role, "group", network)
);
INSERT INTO "candidates" VALUES('study <α>','role <α>','network <α>','network_name <α>','group <α>',-0.125,-0.125,-0.125,-0.125,-0.125,-0.125,-0.125,-0.125,'depth <α>','width <α>',7,7,7,7,7,-0.125,'status <α>','reason <α>','recipe <α>','9dd596b0128902355350b996bd6be68dcd18c8c0a0c1cf3c56f1bd9d17e4fbee');
CREATE TABLE confusions (
	trial_key TEXT NOT NULL, 
	split TEXT NOT NULL, 
	label BIGINT NOT NULL, 
	predicted BIGINT NOT NULL, 
	images BIGINT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (trial_key, split, label, predicted)
);
INSERT INTO "confusions" VALUES('trial_key <α>','split <α>',7,7,7,'572cbf7590e851a7e93e9435ede79016e53bb4652d0251c3b8af45d2faf8564d');
CREATE TABLE datasets (
	fingerprint TEXT NOT NULL, 
	name TEXT NOT NULL, 
	classes TEXT NOT NULL, 
	channels BIGINT NOT NULL, 
	height BIGINT, 
	width BIGINT, 
	train_images BIGINT NOT NULL, 
	validation_images BIGINT NOT NULL, 
	test_images BIGINT, 
	mean TEXT NOT NULL, 
	std TEXT NOT NULL, 
	validation_labels TEXT NOT NULL, 
	validation_groups TEXT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (fingerprint)
);
INSERT INTO "datasets" VALUES('fingerprint <α>','name <α>','classes <α>',7,7,7,7,7,7,'mean <α>','std <α>','validation_labels <α>','validation_groups <α>','a8abd9a3436b51a1f7bc6cc88847987746f94fe6e05b9cdaade8472ed26a2641');
CREATE TABLE decisions (
	study TEXT NOT NULL, 
	round BIGINT NOT NULL, 
	candidate TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	estimate DOUBLE, 
	low DOUBLE, 
	high DOUBLE, 
	inside BIGINT, 
	seeds BIGINT, 
	collapsed BIGINT, 
	statistic DOUBLE, 
	threshold DOUBLE, 
	p DOUBLE, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, round, candidate)
);
INSERT INTO "decisions" VALUES('study <α>',7,'candidate <α>','verdict <α>',-0.125,-0.125,-0.125,1,7,7,-0.125,-0.125,-0.125,'0eb79868e8c6c90afb9d9c4e7dc7f2b5a47771cad0a3008cbb055023dc43aad1');
CREATE TABLE evaluations (
	trial_key TEXT NOT NULL, 
	split TEXT NOT NULL, 
	accuracy DOUBLE, 
	top5 DOUBLE, 
	loss DOUBLE, 
	correct_count BIGINT, 
	correct_sha256 TEXT, 
	digest TEXT NOT NULL, 
	correct BLOB, 
	PRIMARY KEY (trial_key, split)
);
INSERT INTO "evaluations" VALUES('trial_key <α>','split <α>',-0.125,-0.125,-0.125,7,'591b7cc95037822dec5a4d593a2e2e8b19c07ddd2570e5699003d17f14c440a6','16c21f8b74a8296780871f8cc5e1e7d077478e2670c1225f63224c4a3cd4d982',X'81');
CREATE TABLE families (
	study TEXT NOT NULL, 
	role TEXT NOT NULL, 
	alpha DOUBLE NOT NULL, 
	beta DOUBLE NOT NULL, 
	gamma DOUBLE NOT NULL, 
	network TEXT NOT NULL, 
	base TEXT NOT NULL, 
	"match" TEXT NOT NULL, 
	factors TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, role)
);
INSERT INTO "families" VALUES('study <α>','role <α>',-0.125,-0.125,-0.125,'network <α>','base <α>','match <α>','factors <α>','created_at <α>','4c4121e649f3638ab445cd477eeb84ce7d2ccab6118ce861b5cfc49616fd3753');
CREATE TABLE forecast_trials (
	study TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	network TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	compile_seconds DOUBLE NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, position)
);
INSERT INTO "forecast_trials" VALUES('study <α>',7,'network <α>',7,-0.125,-0.125,'2e776826d03cbb48f2aaf15de2246a70280187486e002603379e0ae09964b781');
CREATE TABLE forecasts (
	study TEXT NOT NULL, 
	source TEXT NOT NULL, 
	device TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	load DOUBLE, 
	seconds DOUBLE NOT NULL, 
	low DOUBLE, 
	high DOUBLE, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study)
);
INSERT INTO "forecasts" VALUES('study <α>','source <α>','device <α>','platform <α>',-0.125,-0.125,-0.125,-0.125,'created_at <α>','b47a119e2cc322b50e6ecb3c635fd8061bbafb2306b0434531e4102ad091a915');
CREATE TABLE leases (
	trial_key TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	worker TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	process_start DOUBLE, 
	beats BIGINT NOT NULL, 
	beat_at DOUBLE, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (trial_key)
);
CREATE TABLE looks (
	study TEXT NOT NULL, 
	round BIGINT NOT NULL, 
	rule BIGINT NOT NULL, 
	basis TEXT NOT NULL, 
	error DOUBLE NOT NULL, 
	candidates BIGINT NOT NULL, 
	remaining BIGINT NOT NULL, 
	nothing_decided TEXT, 
	winner TEXT, 
	decided BIGINT NOT NULL, 
	indifference DOUBLE, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, round)
);
INSERT INTO "looks" VALUES('study <α>',7,7,'basis <α>',-0.125,7,7,'nothing_decided <α>','winner <α>',1,-0.125,'created_at <α>','f3734d1143a32ca2ee17fe48d2704110f141ff976b395b0a2fcd442724e6687f');
CREATE TABLE networks (
	fingerprint TEXT NOT NULL, 
	name TEXT NOT NULL, 
	definition TEXT NOT NULL, 
	resolution BIGINT NOT NULL, 
	parameters BIGINT, 
	batch_stats BIGINT, 
	macs BIGINT, 
	activations BIGINT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (fingerprint)
);
INSERT INTO "networks" VALUES('fingerprint <α>','name <α>','definition <α>',7,7,7,7,7,'7cc7e64fe863656cde527264016c8e6c05016df51a7d1ee20f5b1112e77a6e97');
CREATE TABLE predictions (
	study TEXT NOT NULL, 
	role TEXT NOT NULL, 
	network TEXT NOT NULL, 
	rule BIGINT NOT NULL, 
	accuracy DOUBLE NOT NULL, 
	low DOUBLE NOT NULL, 
	high DOUBLE NOT NULL, 
	members BIGINT NOT NULL, 
	scenario BIGINT NOT NULL, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, role, network)
);
INSERT INTO "predictions" VALUES('study <α>','role <α>','network <α>',7,-0.125,-0.125,-0.125,7,1,'created_at <α>','4ce783f2e1e3c089cb9470e578ead25223fc32b96b0e7720c08fc01608dfd024');
CREATE TABLE recipe_checks (
	study TEXT NOT NULL, 
	candidate TEXT NOT NULL, 
	other TEXT NOT NULL, 
	change TEXT NOT NULL, 
	changed_to DOUBLE NOT NULL, 
	recipe TEXT NOT NULL, 
	rule BIGINT NOT NULL, 
	estimate DOUBLE NOT NULL, 
	low DOUBLE, 
	high DOUBLE, 
	lead DOUBLE NOT NULL, 
	indifference DOUBLE NOT NULL, 
	seeds BIGINT NOT NULL, 
	verdict TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, candidate, other, change, changed_to)
);
INSERT INTO "recipe_checks" VALUES('study <α>','candidate <α>','other <α>','change <α>',-0.125,'recipe <α>',7,-0.125,-0.125,-0.125,-0.125,-0.125,7,'verdict <α>','created_at <α>','aa63076e36d9351cbff203366d8fa205d245e143a539a799a298bb7ee3035e6b');
CREATE TABLE scaling_search_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT scaling_search_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "scaling_search_version" VALUES('0002');
CREATE TABLE screened (
	study TEXT NOT NULL, 
	epochs BIGINT NOT NULL, 
	candidate TEXT NOT NULL, 
	accuracy DOUBLE NOT NULL, 
	verdict TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, candidate)
);
INSERT INTO "screened" VALUES('study <α>',7,'candidate <α>',-0.125,'verdict <α>','b6c0cbb3979a10fbad580c8be27f579a2b45cf140c3ec6481fa29ade4dcfd5c7');
CREATE TABLE screenings (
	study TEXT NOT NULL, 
	epochs BIGINT NOT NULL, 
	candidates BIGINT NOT NULL, 
	calibration_set BIGINT NOT NULL, 
	tau DOUBLE, 
	low DOUBLE, 
	high DOUBLE, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study)
);
INSERT INTO "screenings" VALUES('study <α>',7,7,7,-0.125,-0.125,-0.125,'created_at <α>','699404af92b4bd1712f7b11462f47f045bb330d153fe9354dd1489976699a855');
CREATE TABLE studies (
	name TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	toml TEXT NOT NULL, 
	baseline TEXT NOT NULL, 
	"full" TEXT NOT NULL, 
	base TEXT NOT NULL, 
	dataset_name TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	recipe TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	run_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "studies" VALUES('name <α>','fingerprint <α>','toml <α>','baseline <α>','full <α>','base <α>','dataset_name <α>','dataset <α>','recipe <α>','created_at <α>','run_at <α>','2158c6d39f3883bb594c6a469db22c073cee02fe2e4b544750685342143e7612');
CREATE TABLE summaries (
	table_name TEXT NOT NULL, 
	rows BIGINT NOT NULL, 
	total TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (table_name)
);
INSERT INTO "summaries" VALUES('studies',1,'2158c6d39f3883bb594c6a469db22c073cee02fe2e4b544750685342143e7612','cda6e1d105be9f453f2df0ca7d66c4b993b575f123cc760a888ea51f1e8ef3b3');
INSERT INTO "summaries" VALUES('networks',1,'7cc7e64fe863656cde527264016c8e6c05016df51a7d1ee20f5b1112e77a6e97','2c4e55d69e22dc38c0ede0a3b3f54b88c225398a729c30467672dd917e983e5a');
INSERT INTO "summaries" VALUES('datasets',1,'a8abd9a3436b51a1f7bc6cc88847987746f94fe6e05b9cdaade8472ed26a2641','875eeeb6ff28c16cf74b909c6cfddfa7042598d18a86a96096f904aef4b85503');
INSERT INTO "summaries" VALUES('trials',4,'48530e0270ff637873d86d5c4a789b668d5439112593c0f07f03bcd604520e09','8b55c83d920556a012a8caa2775c403e2cbcc5fb3996a35888a7ea6db5197422');
INSERT INTO "summaries" VALUES('candidates',1,'9dd596b0128902355350b996bd6be68dcd18c8c0a0c1cf3c56f1bd9d17e4fbee','06834dd7466d427a02fed7e7cceeb4541789a3e7e2bc92c86c5413b543176afc');
INSERT INTO "summaries" VALUES('triples',1,'c396e77ecd786856c3f1b6a301276745c6ecd073cc7392c99029b51b15802823','e22d4e273819e2321fc113cd4dbd77b468d1670421e856fc031ac44611f763b6');
INSERT INTO "summaries" VALUES('families',1,'4c4121e649f3638ab445cd477eeb84ce7d2ccab6118ce861b5cfc49616fd3753','57b93058d39053c220f11952511e93dae42329bba8f99802862a22e21150f1e4');
INSERT INTO "summaries" VALUES('looks',1,'f3734d1143a32ca2ee17fe48d2704110f141ff976b395b0a2fcd442724e6687f','2f00bfcc0cbfd8c94b32995b0304bf08f08c0b67a714261b8557511c5949531c');
INSERT INTO "summaries" VALUES('decisions',1,'0eb79868e8c6c90afb9d9c4e7dc7f2b5a47771cad0a3008cbb055023dc43aad1','4ff8b2a2eb2184b355ba3463a83e83d5c853886d16a647bb7dd38dea307483e3');
INSERT INTO "summaries" VALUES('screenings',1,'699404af92b4bd1712f7b11462f47f045bb330d153fe9354dd1489976699a855','1ec67e2966b190bf70e410a175f1c652d4c4787bdf70767994bf5de6f31dc85e');
INSERT INTO "summaries" VALUES('screened',1,'b6c0cbb3979a10fbad580c8be27f579a2b45cf140c3ec6481fa29ade4dcfd5c7','59158b0c337b747f5ddfbc9d1b5775bfafb75f82e810b5031dad6a0967f70802');
INSERT INTO "summaries" VALUES('predictions',1,'4ce783f2e1e3c089cb9470e578ead25223fc32b96b0e7720c08fc01608dfd024','316b1e3be4a0be3d718364a2c1f3762f91c82a341735d7d3d203b9fd9b9bed30');
INSERT INTO "summaries" VALUES('forecasts',1,'b47a119e2cc322b50e6ecb3c635fd8061bbafb2306b0434531e4102ad091a915','5aad9065c41917ad69643bb327f6aaed4a7b1e1509d41e0cbf3c6402af1dc87f');
INSERT INTO "summaries" VALUES('forecast_trials',1,'2e776826d03cbb48f2aaf15de2246a70280187486e002603379e0ae09964b781','2e7d80c008d956367e3e3969fdf55307b27700d69624b5aac3fb15a8a3820e1b');
INSERT INTO "summaries" VALUES('recipe_checks',1,'aa63076e36d9351cbff203366d8fa205d245e143a539a799a298bb7ee3035e6b','88be68715b9b5bd70df5aaaece323f4ee978d55fc9fae179baf8e742ebd55303');
INSERT INTO "summaries" VALUES('evaluations',1,'16c21f8b74a8296780871f8cc5e1e7d077478e2670c1225f63224c4a3cd4d982','4a6e3837f87015a3c6d393181feec56e65ce25f7f12c6b42cb0112041e0165e8');
INSERT INTO "summaries" VALUES('confusions',1,'572cbf7590e851a7e93e9435ede79016e53bb4652d0251c3b8af45d2faf8564d','736c08b82e75cc95d877fda0451b9737a6128c13eb7578cf0a68d04434207471');
INSERT INTO "summaries" VALUES('weights',1,'544b2d7f662adfa971942515614596419f3815bec3d881edbc955f4ccc8554a8','713cb380fcb58cc7e0fe2ad7f722666186b9cf2819d44656eddde0321e06a23e');
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
	gradient_norm DOUBLE, 
	dead_share DOUBLE, 
	compile_seconds DOUBLE, 
	train_seconds DOUBLE, 
	evaluate_seconds DOUBLE, 
	memory_bytes BIGINT, 
	device TEXT, 
	arithmetic TEXT, 
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
INSERT INTO "trials" VALUES('a00d50284a16284229fdaf5954a43b89efa9fb06cc493f59c532f4e5c9c3ed2a','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0 <α>','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',0,'complete',1,NULL,NULL,NULL,NULL,NULL,0.9375,3.33333333333333314829e-01,'[{"loss":1.0},{"loss":0.5}]',16,0.25,0.0,1.5,1.0e-09,NULL,1099511627776,'cpu','xla','{"jax":"0.10"}','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00',NULL,'f4e15c621abef7aabba8bdc21c1f6321d4e60650dfbc5052ef94d983be09564e','74cf4994f135133f976b85274e0860ff8dc2a384997be98a10d93e1a6fddaecf',X'F001');
INSERT INTO "trials" VALUES('a8727fa84d8a443d4a06094b4fde4d4383cfdbe5cb0bb8f6668cd4a8a6248814','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0 <α>','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',1,'diverged',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,2.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00',NULL,NULL,'4966e0babaab19175e61d153c03f4695276b5f11b81e1f3b91f6ebb6585bae24',NULL);
INSERT INTO "trials" VALUES('74eaf825d9607e2befecc81c5ae4bd0f670b8a49ac2de760aa47aa575d54cde5','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0 <α>','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',2,'failed',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-22T04:00:00+00:00','2026-11-22T04:00:00+00:00','out of memory: [red] [0m',NULL,'bfd17d662a8a79f57b2f05b7c7c57ddce2d033f841a76332e2e2a5183c8e9c2a',NULL);
INSERT INTO "trials" VALUES('e414d84165963552be9263dd7c0324fac6727e0ff1e4f7b55f12ece4dd333e2e','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','b0 <α>','{"epochs":2}','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','digits',3,'waiting',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'ca4b664c9a94bd2c02dc1129746b75f4f5560282925254f7f950edecff8a14ec',NULL);
CREATE TABLE triples (
	study TEXT NOT NULL, 
	role TEXT NOT NULL, 
	phi DOUBLE NOT NULL, 
	alpha DOUBLE NOT NULL, 
	beta DOUBLE NOT NULL, 
	gamma DOUBLE NOT NULL, 
	network TEXT, 
	resolution BIGINT, 
	nominal_resolution DOUBLE, 
	macs_ratio DOUBLE, 
	status TEXT NOT NULL, 
	reason TEXT, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (study, role, phi, alpha, beta, gamma)
);
INSERT INTO "triples" VALUES('study <α>','role <α>',-0.125,-0.125,-0.125,-0.125,'network <α>',7,-0.125,-0.125,'status <α>','reason <α>','c396e77ecd786856c3f1b6a301276745c6ecd073cc7392c99029b51b15802823');
CREATE TABLE weights (
	trial_key TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	bytes BIGINT NOT NULL, 
	accuracy DOUBLE, 
	loss DOUBLE, 
	created_at TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (trial_key)
);
INSERT INTO "weights" VALUES('trial_key <α>','sha256 <α>',7,-0.125,-0.125,'created_at <α>','544b2d7f662adfa971942515614596419f3815bec3d881edbc955f4ccc8554a8');
COMMIT;
