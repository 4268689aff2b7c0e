package cloze.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.jar.Attributes;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/** Versions of jars. */
final class Manifests {
    private Manifests() {}

    /** The version in a module's descriptor, or else in its manifest. */
    static String version(Module module) {
        return module.getDescriptor().rawVersion().orElseGet(() -> inManifest(module));
    }

    private static String inManifest(Module module) {
        try (InputStream file = module.getResourceAsStream("META-INF/MANIFEST.MF")) {
            if (file == null) {
                return "unknown";
            }
            Attributes main = new Manifest(file).getMainAttributes();
            return Stream.of("Implementation-Version", "Bundle-Version", "Specification-Version")
                    .flatMap(key -> Stream.ofNullable(main.getValue(key)))
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException e) {
            return "unknown";
        }
    }
}
