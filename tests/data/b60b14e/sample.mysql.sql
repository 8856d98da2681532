-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 127.0.0.1    Database: app
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Table structure for table `bridge_journal`
--

DROP TABLE IF EXISTS `bridge_journal`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `bridge_journal` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `run` varchar(36) NOT NULL,
  `step` varchar(32) NOT NULL,
  `name` varchar(255) NOT NULL,
  `status` varchar(16) NOT NULL,
  `at` datetime NOT NULL,
  `bridge_version` varchar(32) NOT NULL,
  `details` mediumtext DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=25 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `bridge_journal`
--

LOCK TABLES `bridge_journal` WRITE;
/*!40000 ALTER TABLE `bridge_journal` DISABLE KEYS */;
INSERT INTO `bridge_journal` VALUES
(1,'c3891119-3333-478e-903e-91081a0f1771','run','','begun','2026-12-01 00:38:58','0.1.0','{\"host\": \"gallery\", \"pid\": 28970, \"user\": \"root\"}'),
(2,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 8','begun','2026-12-01 00:38:58','0.1.0','{\"kind\": \"run_legacy\", \"from\": [7], \"to\": [8], \"how\": \"replay\", \"schema\": \"c36519eb7c7598d1\"}'),
(5,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 8','done','2026-12-01 00:38:58','0.1.0','{\"one\": false, \"statements\": 1}'),
(6,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 9','begun','2026-12-01 00:38:58','0.1.0','{\"kind\": \"run_legacy\", \"from\": [8], \"to\": [9], \"how\": \"replay\", \"schema\": \"d5aef71ea84e12437782edd59f066f6af3f0abe60feb459d8592f614df03cd0d\"}'),
(11,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 9','done','2026-12-01 00:38:58','0.1.0','{\"one\": false, \"statements\": 2}'),
(12,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 10','begun','2026-12-01 00:38:58','0.1.0','{\"kind\": \"run_legacy\", \"from\": [9], \"to\": [10], \"how\": \"replay\", \"schema\": \"a7d1ad812276ab2494586d5d14471250e19a5a419af55bca473d421fe5fd3ab8\"}'),
(19,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 10','done','2026-12-01 00:38:58','0.1.0','{\"one\": false, \"statements\": 3}'),
(20,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 11','begun','2026-12-01 00:38:58','0.1.0','{\"kind\": \"run_legacy\", \"from\": [10], \"to\": [11], \"how\": \"replay\", \"schema\": \"1638d3c22de6ae373c571aec36ec78ce1b1d5f8c69ff223e4fc4d301247979b3\"}'),
(21,'c3891119-3333-478e-903e-91081a0f1771','statement','legacy core 11','tables','2026-12-01 00:38:58','0.1.0','{\"prints\": {\"media_comments\": \"ce84c8bc483616f3\", \"media_entries\": \"ac7499f2892f1bad\", \"media_tags\": \"01c0e3b4109441ca\", \"migrate_version\": \"e0b612509faa3ee2\", \"tags\": \"956c241b04cc0712\", \"users\": \"eb451ed21e2502ed\"}, \"times\": false}'),
(22,'c3891119-3333-478e-903e-91081a0f1771','statement','legacy core 11','schema','2026-12-01 00:38:58','0.1.0','{\"order\": 1.0, \"key\": \"7e1b568fabc1acec53da6fc81083c76e\", \"sql\": \"CREATE TABLE settings (\\n\\tname VARCHAR(64) NOT NULL, \\n\\tvalue TEXT, \\n\\tPRIMARY KEY (name)\\n)ENGINE=InnoDB CHARSET=utf8mb4\", \"number\": 1, \"touches\": [\"*\", \"64\", \"charset\", \"create\", \"engine\", \"innodb\", \"key\", \"name\", \"not\", \"null\", \"primary\", \"settings\", \"table\", \"text\", \"utf8mb4\", \"value\", \"varchar\"]}'),
(23,'c3891119-3333-478e-903e-91081a0f1771','step','legacy core 11','failed','2026-12-01 00:38:58','0.1.0',NULL),
(24,'c3891119-3333-478e-903e-91081a0f1771','run','','failed','2026-12-01 00:38:58','0.1.0','{\"error\": \"legacy-failed\", \"schema\": \"3a8899c4667f799e\"}');
/*!40000 ALTER TABLE `bridge_journal` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `media_comments`
--

DROP TABLE IF EXISTS `media_comments`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `media_comments` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `media_id` int(11) NOT NULL,
  `author_id` int(11) DEFAULT NULL,
  `body` text NOT NULL,
  `created` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `fk_media_comments_media` (`media_id`),
  KEY `fk_media_comments_author` (`author_id`),
  CONSTRAINT `fk_media_comments_author` FOREIGN KEY (`author_id`) REFERENCES `users` (`id`) ON DELETE SET NULL,
  CONSTRAINT `fk_media_comments_media` FOREIGN KEY (`media_id`) REFERENCES `media_entries` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `media_comments`
--

LOCK TABLES `media_comments` WRITE;
/*!40000 ALTER TABLE `media_comments` DISABLE KEYS */;
INSERT INTO `media_comments` VALUES
(1,1,2,'Pyszne! Smacznego 😋','2012-11-15 12:20:15'),
(2,1,3,'It\'s 100% sugar -- isn\'t it?','2012-11-16 12:37:15'),
(3,3,1,'Line one\n\nline three: \'quoted\' \"twice\"','2012-11-17 12:54:15'),
(4,5,4,'\\N is not NULL; NULL is not \'NULL\'','2012-11-18 13:11:15'),
(5,2,1,':param %d %% {brace}','2012-11-19 13:28:15'),
(6,3,NULL,'Written by someone who left','2012-11-25 15:10:15');
/*!40000 ALTER TABLE `media_comments` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `media_entries`
--

DROP TABLE IF EXISTS `media_entries`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `media_entries` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uploader_id` int(11) NOT NULL,
  `title` varchar(200) NOT NULL,
  `caption` text DEFAULT NULL,
  `path` varchar(500) DEFAULT NULL,
  `state` varchar(20) NOT NULL DEFAULT 'processed',
  `created` datetime NOT NULL,
  `slug` varchar(220) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_media_entries_uploader_slug` (`uploader_id`,`slug`),
  KEY `ix_media_entries_created` (`created`),
  CONSTRAINT `fk_media_entries_uploader` FOREIGN KEY (`uploader_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `media_entries`
--

LOCK TABLES `media_entries` WRITE;
/*!40000 ALTER TABLE `media_entries` DISABLE KEYS */;
INSERT INTO `media_entries` VALUES
(1,1,'Crème brûlée: 100% homemade','First line\nsecond line, a \"quote\" and it\'s 12:30','ada/crème.jpg','processed','2012-11-09 10:38:15','creme-brulee-100-homemade'),
(2,1,'creme brulee - 100% HOMEMADE',NULL,'ada/2%20copy.jpg','processed','2012-11-10 10:55:15','creme-brulee-100-homemade-2'),
(3,2,'夜の東京 🎬','emoji 🎞️ and a tab	here','g/東京.webm','processed','2012-11-11 11:12:15','media-3'),
(4,3,'%s %(title)s :title ?','',NULL,'failed','2012-11-12 11:29:15','s-title-s-title'),
(5,3,'Don\'t look; DROP TABLE','C:\\temp\\new','o\'b/x.png','private','2012-11-13 11:46:15','don-t-look-drop-table'),
(6,4,'夜の東京',NULL,NULL,'private','2012-11-14 12:03:15','media-6'),
(7,2,'Łódź','After slugs','g/lodz.jpg','processed','2012-11-26 15:27:15','lodz');
/*!40000 ALTER TABLE `media_entries` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `media_tags`
--

DROP TABLE IF EXISTS `media_tags`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `media_tags` (
  `media_id` int(11) NOT NULL,
  `tag_id` int(11) NOT NULL,
  PRIMARY KEY (`media_id`,`tag_id`),
  KEY `fk_media_keywords_keyword` (`tag_id`),
  CONSTRAINT `fk_media_keywords_keyword` FOREIGN KEY (`tag_id`) REFERENCES `tags` (`id`),
  CONSTRAINT `fk_media_keywords_media` FOREIGN KEY (`media_id`) REFERENCES `media_entries` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `media_tags`
--

LOCK TABLES `media_tags` WRITE;
/*!40000 ALTER TABLE `media_tags` DISABLE KEYS */;
/*!40000 ALTER TABLE `media_tags` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `migrate_version`
--

DROP TABLE IF EXISTS `migrate_version`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `migrate_version` (
  `repository_id` varchar(250) NOT NULL,
  `repository_path` text DEFAULT NULL,
  `version` int(11) DEFAULT NULL,
  PRIMARY KEY (`repository_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `migrate_version`
--

LOCK TABLES `migrate_version` WRITE;
/*!40000 ALTER TABLE `migrate_version` DISABLE KEYS */;
INSERT INTO `migrate_version` VALUES
('core',NULL,10);
/*!40000 ALTER TABLE `migrate_version` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `settings`
--

DROP TABLE IF EXISTS `settings`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `settings` (
  `name` varchar(64) NOT NULL,
  `value` text DEFAULT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `settings`
--

LOCK TABLES `settings` WRITE;
/*!40000 ALTER TABLE `settings` DISABLE KEYS */;
/*!40000 ALTER TABLE `settings` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `tags`
--

DROP TABLE IF EXISTS `tags`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `tags` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(100) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_keywords_name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `tags`
--

LOCK TABLES `tags` WRITE;
/*!40000 ALTER TABLE `tags` DISABLE KEYS */;
/*!40000 ALTER TABLE `tags` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `users`
--

DROP TABLE IF EXISTS `users`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `users` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL,
  `email` varchar(190) NOT NULL,
  `password_hash` varchar(190) DEFAULT NULL,
  `created` datetime NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_users_username` (`username`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `users`
--

LOCK TABLES `users` WRITE;
/*!40000 ALTER TABLE `users` DISABLE KEYS */;
INSERT INTO `users` VALUES
(1,'ada','ada@example.org','sha256:100%:abc\'def','2012-11-05 09:30:15'),
(2,'Grażyna','grazyna@example.org',NULL,'2012-11-06 09:47:15'),
(3,'o\'brien','o\'brien+50%@example.org','pbkdf2:\"x\"','2012-11-07 10:04:15'),
(4,'李雷','lilei@example.org','','2012-11-08 10:21:15');
/*!40000 ALTER TABLE `users` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Dumping routines for database 'app'
--
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed
