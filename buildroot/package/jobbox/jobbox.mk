################################################################################
#
# jobbox
#
################################################################################

JOBBOX_VERSION = 0.1.0
JOBBOX_SITE = https://jobbox.example/releases
# The default would be a "-go2" archive: ours comes with its modules.
# check-package RemoveDefaultPackageSourceVariable
JOBBOX_SOURCE = jobbox-$(JOBBOX_VERSION).tar.gz
JOBBOX_LICENSE = Apache-2.0, BSD-3-Clause, MIT
JOBBOX_LICENSE_FILES = LICENSE NOTICE docs/LICENSES.md
JOBBOX_GOMOD = jobbox

# HOST_GO_TARGET_ENV is empty where Buildroot has no Go for the target: on 32-bit
# MIPS, and on ARM without PIE. What follows knows these cores by itself.
# SOURCE_DATE_EPOCH would be Buildroot's own: the archive has its date.
JOBBOX_GO_ENV = \
	$(if $(HOST_GO_TARGET_ENV),$(HOST_GO_TARGET_ENV),$(HOST_GO_COMMON_ENV)) \
	GOFLAGS="-mod=vendor -p=$(PARALLEL_JOBS)" \
	GOMIPS64=softfloat \
	SOURCE_DATE_EPOCH=

# Without a floating point unit it has to be 5.
ifeq ($(BR2_ARM_SOFT_FLOAT)$(BR2_ARM_CPU_ARMV5),)
JOBBOX_GOARM = $(if $(BR2_ARM_CPU_ARMV6),6,7)
else
JOBBOX_GOARM = 5
endif

# jobbox's own name for the core, where it has one: the file is then, byte for
# byte, that of `make cross` in this archive.
ifeq ($(BR2_arm),y)
JOBBOX_CORE = arm$(JOBBOX_GOARM)
else ifeq ($(BR2_aarch64),y)
JOBBOX_CORE = arm64
else ifeq ($(BR2_mips),y)
JOBBOX_CORE = mips
else ifeq ($(BR2_mipsel),y)
JOBBOX_CORE = mipsle
else ifeq ($(BR2_mips64el),y)
JOBBOX_CORE = mips64le
else ifeq ($(BR2_x86_64),y)
JOBBOX_CORE = amd64
else ifeq ($(BR2_i386)$(BR2_X86_CPU_HAS_SSE2),yy)
JOBBOX_CORE = 386
else ifeq ($(BR2_riscv)$(BR2_RISCV_64),yy)
JOBBOX_CORE = riscv64
endif

JOBBOX_ADD_TOOLCHAIN_DEPENDENCY = NO

ifneq ($(BR2_PACKAGE_JOBBOX_FETCH),y)
JOBBOX_TAGS += exclude_fetch
endif

JOBBOX_MAKE = $(JOBBOX_GO_ENV) $(MAKE) -C $(@D) GO=$(GO_BIN) \
	VERSION=$(JOBBOX_VERSION) TAGS="$(JOBBOX_TAGS)" BIN=$(@D)/bin

ifneq ($(JOBBOX_CORE),)
define JOBBOX_BUILD_CMDS
	$(JOBBOX_MAKE) cross-$(JOBBOX_CORE)
	ln -sf jobbox-linux-$(JOBBOX_CORE) $(@D)/bin/jobbox
endef
else
define JOBBOX_BUILD_CMDS
	$(JOBBOX_MAKE) all
endef
endif

define JOBBOX_INSTALL_CONFIG
	$(INSTALL) -d -m 0755 $(TARGET_DIR)/etc/jobbox
	$(INSTALL) -d -m 0700 $(TARGET_DIR)/etc/jobbox/handlers
	$(INSTALL) -d -m 0700 $(TARGET_DIR)/var/lib/jobbox
	$(INSTALL) -m 0640 $(@D)/init/jobbox.conf \
		$(TARGET_DIR)/etc/jobbox/jobbox.conf
	$(INSTALL) -D -m 0644 $(@D)/init/jobbox.default \
		$(TARGET_DIR)/etc/default/jobbox
endef
JOBBOX_POST_INSTALL_TARGET_HOOKS += JOBBOX_INSTALL_CONFIG

ifeq ($(BR2_PACKAGE_JOBBOX_HANDLERS),y)
define JOBBOX_INSTALL_HANDLERS
	$(@D)/scripts/install-handlers.sh $(TARGET_DIR)/etc/jobbox/handlers
endef
JOBBOX_POST_INSTALL_TARGET_HOOKS += JOBBOX_INSTALL_HANDLERS
endif

ifeq ($(BR2_PACKAGE_JOBBOX_ALIAS),y)
define JOBBOX_INSTALL_ALIAS
	ln -sf jobbox $(TARGET_DIR)/usr/bin/aws-iot-device-client
endef
JOBBOX_POST_INSTALL_TARGET_HOOKS += JOBBOX_INSTALL_ALIAS
endif

ifeq ($(BR2_PACKAGE_JOBBOX_INIT_SCRIPT),y)
define JOBBOX_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/init/S80jobbox \
		$(TARGET_DIR)/etc/init.d/S80jobbox
endef
define JOBBOX_INSTALL_INIT_OPENRC
	$(INSTALL) -D -m 0755 $(@D)/init/jobbox.openrc \
		$(TARGET_DIR)/etc/init.d/jobbox
endef
define JOBBOX_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/init/jobbox.service \
		$(TARGET_DIR)/usr/lib/systemd/system/jobbox.service
endef
endif

# In each image, after the overlays: one of them may bring an inittab. $(@D) is
# not the package's there.
ifeq ($(BR2_PACKAGE_JOBBOX_INIT_INITTAB),y)
define JOBBOX_ADD_INITTAB
	grep -q '/usr/bin/jobbox' $(TARGET_DIR)/etc/inittab || \
		cat $(JOBBOX_DIR)/init/inittab >> $(TARGET_DIR)/etc/inittab
endef
JOBBOX_ROOTFS_PRE_CMD_HOOKS += JOBBOX_ADD_INITTAB
endif

# docs/PORTING.md says what happens without each.
define JOBBOX_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_COMPAT_32BIT_TIME)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EPOLL)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EVENTFD)
	$(call KCONFIG_ENABLE_OPT,CONFIG_FUTEX)
	$(call KCONFIG_ENABLE_OPT,CONFIG_INET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_MULTIUSER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_PROC_FS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_UNIX)
endef

define JOBBOX_PERMISSIONS
	/etc/jobbox/handlers d 0700 root root - - - - -
	/etc/jobbox/jobbox.conf f 0640 root root - - - - -
	/var/lib/jobbox d 0700 root root - - - - -
endef

$(eval $(golang-package))
