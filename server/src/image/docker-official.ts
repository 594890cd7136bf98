/** One-part names that everybody takes for Docker Hub's official images, present and former. */
const official = new Set(
  `adminer aerospike alpine alt amazoncorretto amazonlinux api-firewall arangodb archlinux backdrop bash bonita
  buildpack-deps busybox caddy cassandra centos chronograf cirros clearlinux clefos clickhouse clojure composer
  consul convertigo couchbase couchdb crate dart debian django docker docker-dev drupal eclipse-mosquitto
  eclipse-temurin eggdrop elasticsearch elixir emqx erlang euleros express-gateway fedora flink fluentd fsharp
  friendica gazebo gcc geonetwork ghost glassfish golang gradle groovy haproxy haskell haxe hello-seattle
  hello-world hipache hitch hola-mundo httpd hylang ibex ibmjava influxdb iojs irssi java jenkins jetty jobber
  joomla jruby julia kaazing-gateway kapacitor kibana known kong krakend krakend-ce lightstreamer liquibase
  logstash mageia mariadb matomo maven mediawiki memcached mongo mongo-express monica mono mysql nats
  nats-streaming neo4j neurodebian nextcloud nginx node notary nuodb nuxeo odoo open-liberty openjdk opensuse
  oraclelinux orientdb owncloud percona perl photon php php-zendserver phpmyadmin piwik plone postfixadmin
  postgres pypy python r-base rabbitmq rails rakudo-star rapidoid redis redmine registry rethinkdb rocket.chat
  rockylinux ros ruby rust sapmachine satosa scratch sentry silverpeas sl solr sonarqube sourcemage spark
  spiped storm swarm swift swipl tarantool teamspeak telegraf thrift tomcat tomee traefik ubuntu
  ubuntu-debootstrap ubuntu-upstart unit valkey varnish vault voltdb websphere-liberty wordpress xwiki yourls
  znc zookeeper`.split(/\s+/),
);

export const isDockerOfficial = (repository: string): boolean => official.has(repository);
