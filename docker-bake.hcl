# All images at once, for both kinds of processor:
#
#   docker buildx bake                                      every target, for this machine
#   PREFIX=docker.io/you/california-housing- TAG=1.2.3 docker buildx bake --push multi
#
# A multi-platform image is pushed as it is built: an engine's own store holds one platform.

variable "PREFIX" {
  default = "california-housing/"
}

variable "TAG" {
  default = "latest"
}

variable "GIT_COMMIT" {
  default = ""
}

variable "VERSION" {
  default = ""
}

group "default" {
  targets = ["image"]
}

group "multi" {
  targets = ["multi-platform"]
}

target "image" {
  matrix = {
    name = ["server", "gateway", "monitor", "trainer"]
  }
  name    = name
  target  = name
  context = "."
  args = {
    GIT_COMMIT = GIT_COMMIT
    VERSION    = VERSION
  }
  # Secrets of builds behind a mirror or a proxy; absent ones are skipped.
  secret = ["type=file,id=pip_conf,src=/etc/pip.conf", "type=file,id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt"]
  tags   = ["${PREFIX}${name}:${TAG}"]
}

target "multi-platform" {
  matrix = {
    name = ["server", "gateway", "monitor", "trainer"]
  }
  name      = "${name}-multi"
  inherits  = [name]
  platforms = ["linux/amd64", "linux/arm64"]
}
