# OpenWrt's rules.mk, as far as installation goes.
INSTALL_BIN = install -m 0755
INSTALL_DIR = install -d -m 0755
INSTALL_CONF = install -m 0600

# The package's recipe is only known at the end of its Makefile.
define BuildPackage
install:
	$$(call Package/$(1)/install,$$(DEST))
compile:
	$$(Build/Compile)
endef
