# What Buildroot has around a package, as far as installation goes.
INSTALL = install
JOBBOX_DIR = $(SOURCE)
JOBBOX_BIN_NAME ?= jobbox
golang-package =
include $(MK)

# What golang-package does, then the package's hooks in Buildroot's order.
install: private @D = $(SOURCE)
install:
	$(INSTALL) -D -m 0755 $(@D)/bin/$(JOBBOX_BIN_NAME) $(TARGET_DIR)/usr/bin/$(JOBBOX_BIN_NAME)
	$(foreach hook,$(JOBBOX_POST_INSTALL_TARGET_HOOKS),$(call $(hook))$(newline))
	$(JOBBOX_INSTALL_INIT_$(INIT))

# Then what is done for each image, long after the package was: the hooks of the
# root directory, the integrator's overlay, the hooks of the file system.
image: private @D = /not/the/package
image: install
	$(foreach hook,$(JOBBOX_TARGET_FINALIZE_HOOKS),$(call $(hook))$(newline))
	$(if $(OVERLAY),cp -a $(OVERLAY)/. $(TARGET_DIR)/)
	$(foreach hook,$(JOBBOX_ROOTFS_PRE_CMD_HOOKS),$(call $(hook))$(newline))

compile: private @D = $(SOURCE)
compile:
	$(JOBBOX_BUILD_CMDS)

define newline


endef
