
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
DROP TABLE IF EXISTS `likes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `likes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `media_id` int(11) NOT NULL,
  `user_id` int(11) NOT NULL,
  `created` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `fk_likes_media` (`media_id`),
  KEY `fk_likes_user` (`user_id`),
  CONSTRAINT `fk_likes_media` FOREIGN KEY (`media_id`) REFERENCES `media_entries` (`id`),
  CONSTRAINT `fk_likes_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

/*!40000 ALTER TABLE `likes` DISABLE KEYS */;
INSERT INTO `likes` VALUES
(1,1,2,'2012-11-20 13:45:15'),
(2,1,3,NULL),
(3,1,2,'2012-11-21 14:02:15'),
(4,3,1,'2012-11-22 14:19:15'),
(5,5,4,'2012-11-23 14:36:15');
/*!40000 ALTER TABLE `likes` ENABLE KEYS */;
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

/*!40000 ALTER TABLE `media_comments` DISABLE KEYS */;
INSERT INTO `media_comments` VALUES
(1,1,2,'Pyszne! Smacznego 😋','2012-11-15 12:20:15'),
(2,1,3,'It\'s 100% sugar -- isn\'t it?','2012-11-16 12:37:15'),
(3,3,1,'Line one\n\nline three: \'quoted\' \"twice\"','2012-11-17 12:54:15'),
(4,5,4,'\\N is not NULL; NULL is not \'NULL\'','2012-11-18 13:11:15'),
(5,2,1,':param %d %% {brace}','2012-11-19 13:28:15'),
(6,3,NULL,'Written by someone who left','2012-11-25 15:10:15');
/*!40000 ALTER TABLE `media_comments` ENABLE KEYS */;
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

/*!40000 ALTER TABLE `media_tags` DISABLE KEYS */;
INSERT INTO `media_tags` VALUES
(1,1),
(1,3),
(2,1),
(3,2),
(3,5),
(5,4);
/*!40000 ALTER TABLE `media_tags` ENABLE KEYS */;
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

/*!40000 ALTER TABLE `migrate_version` DISABLE KEYS */;
INSERT INTO `migrate_version` VALUES
('core','/srv/gallery/releases/2013-04-02/legacy_migrations/core',10),
('likes',NULL,1);
/*!40000 ALTER TABLE `migrate_version` ENABLE KEYS */;
DROP TABLE IF EXISTS `tags`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `tags` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(100) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_keywords_name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

/*!40000 ALTER TABLE `tags` DISABLE KEYS */;
INSERT INTO `tags` VALUES
(3,'50% off'),
(1,'dessert'),
(2,'night sky'),
(4,'rock\'n\'roll'),
(5,'日本');
/*!40000 ALTER TABLE `tags` ENABLE KEYS */;
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

/*!40000 ALTER TABLE `users` DISABLE KEYS */;
INSERT INTO `users` VALUES
(1,'ada','ada@example.org','sha256:100%:abc\'def','2012-11-05 09:30:15'),
(2,'Grażyna','grazyna@example.org',NULL,'2012-11-06 09:47:15'),
(3,'o\'brien','o\'brien+50%@example.org','pbkdf2:\"x\"','2012-11-07 10:04:15'),
(4,'李雷','lilei@example.org','','2012-11-08 10:21:15');
/*!40000 ALTER TABLE `users` ENABLE KEYS */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

