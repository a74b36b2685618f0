include $(sort $(wildcard $(BR2_EXTERNAL_JOBBOX_PATH)/package/*/*.mk))
