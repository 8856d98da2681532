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
-- Table structure for table `authors`
--

DROP TABLE IF EXISTS `authors`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `authors` (
  `id` int(11) NOT NULL,
  `name` varchar(40) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `authors`
--

LOCK TABLES `authors` WRITE;
/*!40000 ALTER TABLE `authors` DISABLE KEYS */;
/*!40000 ALTER TABLE `authors` ENABLE KEYS */;
UNLOCK TABLES;

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
) ENGINE=InnoDB AUTO_INCREMENT=13 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `bridge_journal`
--

LOCK TABLES `bridge_journal` WRITE;
/*!40000 ALTER TABLE `bridge_journal` DISABLE KEYS */;
INSERT INTO `bridge_journal` VALUES
(1,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','run','','begun','2026-12-01 00:38:52','0.1.0','{\"host\": \"gallery\", \"pid\": 28970, \"user\": \"root\"}'),
(2,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','step','legacy app 1','begun','2026-12-01 00:38:52','0.1.0','{\"kind\": \"run_legacy\", \"from\": [0], \"to\": [1], \"how\": \"live\", \"schema\": \"c768ec5f524b9e48\"}'),
(5,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','step','legacy app 1','done','2026-12-01 00:38:52','0.1.0','{\"one\": false, \"statements\": 1}'),
(6,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','step','legacy app 2','begun','2026-12-01 00:38:52','0.1.0','{\"kind\": \"run_legacy\", \"from\": [1], \"to\": [2], \"how\": \"live\", \"schema\": \"6afbd2f54a98e340\"}'),
(7,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','statement','legacy app 2','tables','2026-12-01 00:38:52','0.1.0','{\"prints\": {\"migrate_version\": \"e303b66aa4c2b401\", \"notes\": \"0bcd43e42f3e7e10\"}, \"times\": true}'),
(8,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','statement','legacy app 2','schema','2026-12-01 00:38:52','0.1.0','{\"order\": 1.0, \"key\": \"0b5b75da259884d195e45d19990247fe\", \"sql\": \"CREATE TABLE authors (id INTEGER PRIMARY KEY, name VARCHAR(40))\", \"parameters\": \"eJyrVkrJTC5RslKIjq0FABnZA/M=\", \"number\": 1, \"touches\": [\"*\", \"40\", \"authors\", \"create\", \"id\", \"integer\", \"key\", \"name\", \"primary\", \"table\", \"varchar\"]}'),
(9,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','statement','legacy app 2','tables','2026-12-01 00:38:52','0.1.0','{\"prints\": {\"authors\": \"334caa15d135d9a0\"}, \"times\": true}'),
(10,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','statement','legacy app 2','rows','2026-12-01 00:38:52','0.1.0','{\"order\": 2.0, \"key\": \"fec6971071608c6696a1f72b2f4a46f9\", \"sql\": \"INSERT INTO notes (text) VALUES (%(own)s)\", \"parameters\": \"eJyrVkrJTC5RslKIjlbKL89T0lFQsjRONLI0T0vRTTUwMNU1MTS30E1MNjTVNbBIMTIxNjQxNjGyUIqNrQUA38cPUw==\", \"number\": 2, \"answer\": \"eJyLzivNydFRgJCGYARixwIAYNgHfA==\"}'),
(11,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','step','legacy app 2','failed','2026-12-01 00:38:52','0.1.0',NULL),
(12,'e9d92bde-02b7-4b1d-adfd-a9dafcaf83c9','run','','failed','2026-12-01 00:38:52','0.1.0','{\"error\": \"legacy-failed\", \"schema\": \"845233fce1306227\"}');
/*!40000 ALTER TABLE `bridge_journal` ENABLE KEYS */;
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
('app','/srv/gone/legacy',1);
/*!40000 ALTER TABLE `migrate_version` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `notes`
--

DROP TABLE IF EXISTS `notes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `notes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `text` varchar(80) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `notes`
--

LOCK TABLES `notes` WRITE;
/*!40000 ALTER TABLE `notes` DISABLE KEYS */;
INSERT INTO `notes` VALUES
(1,'93a297fd-e005-4178-ac15-08d243143428');
/*!40000 ALTER TABLE `notes` ENABLE KEYS */;
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
