# What Buildroot has around a package, as far as installation goes.
INSTALL = install
golang-package =
include $(MK)

# What golang-package does, then the package's hooks in Buildroot's order.
install: private @D = $(SOURCE)
install:
	$(INSTALL) -D -m 0755 $(@D)/bin/$(JOBBOX_BIN_NAME) $(TARGET_DIR)/usr/bin/$(JOBBOX_BIN_NAME)
	$(foreach hook,$(JOBBOX_POST_INSTALL_TARGET_HOOKS),$(call $(hook))$(newline))
	$(JOBBOX_INSTALL_INIT_$(INIT))
	$(foreach hook,$(JOBBOX_TARGET_FINALIZE_HOOKS),$(call $(hook))$(newline))

compile: private @D = $(SOURCE)
compile:
	$(JOBBOX_BUILD_CMDS)

define newline


endef
