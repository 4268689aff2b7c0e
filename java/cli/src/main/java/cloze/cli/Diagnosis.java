package cloze.cli;

import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.BackendProvider;
import cloze.backend.Backends;
import cloze.cpu.CpuBackendProvider;
import cloze.recipe.Recipes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The devices, libraries and memory of this machine.
 *
 * @param facts by name: texts, numbers, maps and lists of them
 * @param healthy true if models can be trained here
 */
record Diagnosis(Map<String, Object> facts, boolean healthy) {
    private static final String ONEDNN = "cloze.cpu.onednn";

    static Diagnosis make() {
        var missing = new ArrayList<String>();
        var facts = new LinkedHashMap<String, Object>();
        facts.put("cloze", Cloze.version());
        facts.put("java", java());
        facts.put("machine", machine(missing));
        Map<String, Object> devices = devices(missing);
        boolean healthy = devices.values().stream().anyMatch(d -> !d.toString().startsWith("unusable"));
        facts.put("devices", devices);
        facts.put("cpu kernels", kernels(healthy, missing));
        facts.put("systems", systems());
        facts.put("cache", cache(missing));
        facts.put("libraries", libraries());
        facts.put("missing", missing.isEmpty() ? "nothing" : missing);
        return new Diagnosis(facts, healthy);
    }

    /** Recipes, with their presets. */
    private static Map<String, Object> systems() {
        var systems = new LinkedHashMap<String, Object>();
        Recipes.ALL.forEach(recipe ->
                systems.put(recipe.name(), String.join(", ", recipe.presets().keySet())));
        return systems;
    }

    private static Map<String, Object> java() {
        var java = new LinkedHashMap<String, Object>();
        java.put("version", Runtime.version().toString());
        java.put("vendor", System.getProperty("java.vendor"));
        java.put("home", System.getProperty("java.home"));
        java.put("heap_bytes", Runtime.getRuntime().maxMemory());
        return java;
    }

    private static Map<String, Object> machine(List<String> missing) {
        var machine = new LinkedHashMap<String, Object>();
        machine.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        machine.put("architecture", System.getProperty("os.arch"));
        machine.put("processors", Runtime.getRuntime().availableProcessors());
        Machine.memory().forEach((name, bytes) -> machine.put(name + "_memory_bytes", bytes));
        String hugePages = Machine.hugePages();
        machine.put("huge_pages", hugePages);
        if (hugePages.equals("never")) {
            missing.add("huge pages are off, which costs speed: "
                    + "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (as root)");
        }
        return machine;
    }

    private static Map<String, Object> devices(List<String> missing) {
        var devices = new LinkedHashMap<String, Object>();
        for (BackendProvider provider : Backends.all()) {
            String reason = provider.unavailable();
            if (reason == null) {
                reason = describe(provider, devices);
            }
            if (reason != null) {
                devices.put(provider.name(), "unusable: " + reason);
                missing.add(String.format(Locale.ROOT, "device %s: %s", provider.name(), reason));
            }
        }
        if (devices.isEmpty()) {
            missing.add("no device at all: cloze-cpu is not on the module path");
        }
        return devices;
    }

    /** @return the reason for a device that does not open, or null */
    private static @Nullable String describe(BackendProvider provider, Map<String, Object> devices) {
        try (Backend backend = provider.open(BackendOptions.DEFAULT)) {
            devices.put(provider.name(), String.join("; ", backend.description().split("\n")));
            provider.devices().forEach(line -> {
                String[] parts = line.split(" ", 2);
                devices.put(parts[0], parts[1]);
            });
            return null;
        } catch (BackendException e) {
            return e.getMessage();
        }
    }

    private static Object kernels(boolean healthy, List<String> missing) {
        if (!healthy) {
            return "none";
        }
        var kernels = new LinkedHashMap<String, Object>();
        kernels.put("level", CpuBackendProvider.level().toString());
        kernels.put("asked_for", System.getProperty("cloze.cpu.level", "the best that the machine has"));
        String oneDnn = System.getProperty(ONEDNN);
        kernels.put("onednn", oneDnn == null ? "not used" : oneDnn);
        if (oneDnn == null) {
            missing.add(String.format(
                    Locale.ROOT,
                    "oneDNN, faster matrix multiplication for some shapes: CLOZE_JAVA_OPTIONS=-D%s=PATH names a libdnnl.so.3",
                    ONEDNN));
        }
        return kernels;
    }

    private static Map<String, Object> cache(List<String> missing) {
        Path folder = Cache.folder();
        Path existing = folder;
        while (existing.getParent() != null && !Files.exists(existing)) {
            existing = existing.getParent();
        }
        boolean writable = Files.isDirectory(existing) && Files.isWritable(existing);
        if (!writable) {
            missing.add(
                    String.format(Locale.ROOT, "%s can not be written: set CLOZE_CACHE to a folder that can", folder));
        }
        return Map.of("folder", folder.toString(), "writable", writable);
    }

    /** Versions of the modules beside those of the JDK. */
    private static Map<String, Object> libraries() {
        var versions = new TreeMap<String, Object>();
        for (Module module : ModuleLayer.boot().modules()) {
            boolean jdk =
                    module.getName().startsWith("java.") || module.getName().startsWith("jdk.");
            if (!jdk && !module.getName().startsWith("cloze.")) {
                versions.put(module.getName(), Manifests.version(module));
            }
        }
        return versions;
    }
}
