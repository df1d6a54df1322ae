"""The names of EXIF and TIFF tags, as ExifTool prints them, and the groups by which they are taken out.

After EXIF 3.0 (CIPA DC-008), TIFF 6.0 with its supplements, DNG 1.7 and GeoTIFF 1.1. Where ExifTool's name is another
than the specification's (`CreateDate` for `DateTimeDigitized`), both are understood and the first is written.
"""

import functools
from collections.abc import Mapping
from typing import Literal

Group = Literal["gps", "thumbnail", "camera", ""]
"""What a tag tells, as far as it can be asked for by name: the place, the small picture, the device."""

_IMAGE = """
00fe:SubfileType 00ff:OldSubfileType 0100:ImageWidth 0101:ImageHeight 0102:BitsPerSample 0103:Compression
0106:PhotometricInterpretation 0107:Thresholding 0108:CellWidth 0109:CellLength 010a:FillOrder 010d:DocumentName
010e:ImageDescription 010f:Make 0110:Model 0111:StripOffsets 0112:Orientation 0115:SamplesPerPixel 0116:RowsPerStrip
0117:StripByteCounts 0118:MinSampleValue 0119:MaxSampleValue 011a:XResolution 011b:YResolution
011c:PlanarConfiguration 011d:PageName 011e:XPosition 011f:YPosition 0120:FreeOffsets 0121:FreeByteCounts
0122:GrayResponseUnit 0123:GrayResponseCurve 0124:T4Options 0125:T6Options 0128:ResolutionUnit 0129:PageNumber
012c:ColorResponseUnit 012d:TransferFunction 0131:Software 0132:ModifyDate 013b:Artist 013c:HostComputer
013d:Predictor 013e:WhitePoint 013f:PrimaryChromaticities 0140:ColorMap 0141:HalftoneHints 0142:TileWidth
0143:TileLength 0144:TileOffsets 0145:TileByteCounts 0146:BadFaxLines 0147:CleanFaxData 0148:ConsecutiveBadFaxLines
014a:SubIFD 014c:InkSet 014d:InkNames 014e:NumberofInks 0150:DotRange 0151:TargetPrinter 0152:ExtraSamples
0153:SampleFormat 0154:SMinSampleValue 0155:SMaxSampleValue 0156:TransferRange 0157:ClipPath 0158:XClipPathUnits
0159:YClipPathUnits 015a:Indexed 015b:JPEGTables 015f:OPIProxy 0191:ProfileType 0193:CodingMethods 0194:VersionYear
0195:ModeNumber 01b1:Decode 01b2:DefaultImageColor 01b5:JPEGTables 0200:JPEGProc 0201:ThumbnailOffset
0202:ThumbnailLength 0203:JPEGRestartInterval 0205:JPEGLosslessPredictors 0206:JPEGPointTransforms 0207:JPEGQTables
0208:JPEGDCTables 0209:JPEGACTables 0211:YCbCrCoefficients 0212:YCbCrSubSampling 0213:YCbCrPositioning
0214:ReferenceBlackWhite 022f:StripRowCounts 02bc:ApplicationNotes 4746:Rating 4749:RatingPercent 800d:ImageID
80a4:WangAnnotation 80b9:ImageReferencePoints 80ba:RegionXformTackPoint 80bb:WarpQuadrilateral 80bc:AffineTransformMat
80e3:Matteing 80e4:DataType 80e5:ImageDepth 80e6:TileDepth 827d:Model2 828d:CFARepeatPatternDim 828e:CFAPattern2
828f:BatteryLevel 8298:Copyright 829a:ExposureTime 829d:FNumber 830e:PixelScale 83bb:IPTC-NAA 8482:ModelTiePoint
8546:SEMInfo 85b8:PixelMagicJBIGOptions 85d8:ModelTransform 8602:WB_GRGBLevels 8649:PhotoshopSettings 8769:ExifOffset
8773:ICC_Profile 877f:TIFF_FXExtensions 8780:MultiProfiles 8781:SharedData 87ac:ImageLayer 87af:GeoTiffDirectory
87b0:GeoTiffDoubleParams 87b1:GeoTiffAsciiParams 87be:JBIGOptions 8822:ExposureProgram 8824:SpectralSensitivity
8825:GPSInfo 8827:ISO 8829:Interlace 882a:TimeZoneOffset 882b:SelfTimerMode 8830:SensitivityType
8831:StandardOutputSensitivity 8832:RecommendedExposureIndex 8833:ISOSpeed 8834:ISOSpeedLatitudeyyy
8835:ISOSpeedLatitudezzz 9000:ExifVersion 9003:DateTimeOriginal 9004:CreateDate 9010:OffsetTime
9011:OffsetTimeOriginal 9012:OffsetTimeDigitized 9101:ComponentsConfiguration 9102:CompressedBitsPerPixel
9201:ShutterSpeedValue 9202:ApertureValue 9203:BrightnessValue 9204:ExposureCompensation 9205:MaxApertureValue
9206:SubjectDistance 9207:MeteringMode 9208:LightSource 9209:Flash 920a:FocalLength 920b:FlashEnergy
920c:SpatialFrequencyResponse 920d:Noise 920e:FocalPlaneXResolution 920f:FocalPlaneYResolution
9210:FocalPlaneResolutionUnit 9211:ImageNumber 9212:SecurityClassification 9213:ImageHistory 9214:SubjectArea
9215:ExposureIndex 9216:TIFF-EPStandardID 9217:SensingMethod 923f:StoNits 927c:MakerNote 9286:UserComment
9290:SubSecTime
9291:SubSecTimeOriginal 9292:SubSecTimeDigitized 935c:ImageSourceData 9400:AmbientTemperature 9401:Humidity
9402:Pressure 9403:WaterDepth 9404:Acceleration 9405:CameraElevationAngle 9c9b:XPTitle 9c9c:XPComment 9c9d:XPAuthor
9c9e:XPKeywords 9c9f:XPSubject a000:FlashpixVersion a001:ColorSpace a002:ExifImageWidth a003:ExifImageHeight
a004:RelatedSoundFile a005:InteropOffset a20b:FlashEnergy a20c:SpatialFrequencyResponse a20d:Noise
a20e:FocalPlaneXResolution a20f:FocalPlaneYResolution a210:FocalPlaneResolutionUnit a211:ImageNumber
a212:SecurityClassification a213:ImageHistory a214:SubjectLocation a215:ExposureIndex a217:SensingMethod
a300:FileSource a301:SceneType a302:CFAPattern a401:CustomRendered a402:ExposureMode a403:WhiteBalance
a404:DigitalZoomRatio a405:FocalLengthIn35mmFormat a406:SceneCaptureType a407:GainControl a408:Contrast
a409:Saturation a40a:Sharpness a40b:DeviceSettingDescription a40c:SubjectDistanceRange a420:ImageUniqueID
a430:OwnerName a431:SerialNumber a432:LensInfo a433:LensMake a434:LensModel a435:LensSerialNumber a436:ImageTitle
a437:Photographer a438:ImageEditor a439:CameraFirmware a43a:RAWDevelopingSoftware a43b:ImageEditingSoftware
a43c:MetadataEditingSoftware a460:CompositeImage a461:CompositeImageCount a462:CompositeImageExposureTimes
a480:GDALMetadata a481:GDALNoData a500:Gamma c4a5:PrintIM c573:OriginalFileName c5e0:CR2CFAPattern c612:DNGVersion
c613:DNGBackwardVersion c614:UniqueCameraModel c615:LocalizedCameraModel c616:CFAPlaneColor c617:CFALayout
c618:LinearizationTable c619:BlackLevelRepeatDim c61a:BlackLevel c61b:BlackLevelDeltaH c61c:BlackLevelDeltaV
c61d:WhiteLevel c61e:DefaultScale c61f:DefaultCropOrigin c620:DefaultCropSize c621:ColorMatrix1 c622:ColorMatrix2
c623:CameraCalibration1 c624:CameraCalibration2 c625:ReductionMatrix1 c626:ReductionMatrix2 c627:AnalogBalance
c628:AsShotNeutral c629:AsShotWhiteXY c62a:BaselineExposure c62b:BaselineNoise c62c:BaselineSharpness
c62d:BayerGreenSplit c62e:LinearResponseLimit c62f:CameraSerialNumber c630:DNGLensInfo c631:ChromaBlurRadius
c632:AntiAliasStrength c633:ShadowScale c634:DNGPrivateData c635:MakerNoteSafety c65a:CalibrationIlluminant1
c65b:CalibrationIlluminant2 c65c:BestQualityScale c65d:RawDataUniqueID c660:AliasLayerMetadata
c68b:OriginalRawFileName c68c:OriginalRawFileData c68d:ActiveArea c68e:MaskedAreas c68f:AsShotICCProfile
c690:AsShotPreProfileMatrix c691:CurrentICCProfile c692:CurrentPreProfileMatrix c6bf:ColorimetricReference
c6c5:SRawType c6f3:CameraCalibrationSig c6f4:ProfileCalibrationSig c6f6:AsShotProfileName c6f7:NoiseReductionApplied
c6f8:ProfileName c6f9:ProfileHueSatMapDims c6fa:ProfileHueSatMapData1 c6fb:ProfileHueSatMapData2 c6fc:ProfileToneCurve
c6fd:ProfileEmbedPolicy c6fe:ProfileCopyright c714:ForwardMatrix1 c715:ForwardMatrix2 c716:PreviewApplicationName
c717:PreviewApplicationVersion c718:PreviewSettingsName c719:PreviewSettingsDigest c71a:PreviewColorSpace
c71b:PreviewDateTime c71c:RawImageDigest c71d:OriginalRawFileDigest c71e:SubTileBlockSize c71f:RowInterleaveFactor
c725:ProfileLookTableDims c726:ProfileLookTableData c740:OpcodeList1 c741:OpcodeList2 c74e:OpcodeList3
c761:NoiseProfile c763:TimeCodes c764:FrameRate c772:TStop c789:ReelName c791:OriginalDefaultFinalSize
c792:OriginalBestQualitySize c793:OriginalDefaultCropSize c7a1:CameraLabel c7a3:ProfileHueSatMapEncoding
c7a4:ProfileLookTableEncoding c7a5:BaselineExposureOffset c7a6:DefaultBlackRender c7a7:NewRawImageDigest
c7a8:RawToPreviewGain c7aa:CacheVersion c7b5:DefaultUserCrop c7e9:DepthFormat c7ea:DepthNear c7eb:DepthFar
c7ec:DepthUnits c7ed:DepthMeasureType c7ee:EnhanceParams cd2d:ProfileGainTableMap cd2e:SemanticName
cd30:SemanticInstanceID cd31:CalibrationIlluminant3 cd32:CameraCalibration3 cd33:ColorMatrix3 cd34:ForwardMatrix3
cd35:IlluminantData1 cd36:IlluminantData2 cd37:IlluminantData3 cd38:MaskSubArea cd39:ProfileHueSatMapData3
cd3a:ReductionMatrix3 cd3b:RGBTables ea1c:Padding ea1d:OffsetSchema
"""
_GPS = """
0000:GPSVersionID 0001:GPSLatitudeRef 0002:GPSLatitude 0003:GPSLongitudeRef 0004:GPSLongitude 0005:GPSAltitudeRef
0006:GPSAltitude 0007:GPSTimeStamp 0008:GPSSatellites 0009:GPSStatus 000a:GPSMeasureMode 000b:GPSDOP 000c:GPSSpeedRef
000d:GPSSpeed 000e:GPSTrackRef 000f:GPSTrack 0010:GPSImgDirectionRef 0011:GPSImgDirection 0012:GPSMapDatum
0013:GPSDestLatitudeRef 0014:GPSDestLatitude 0015:GPSDestLongitudeRef 0016:GPSDestLongitude 0017:GPSDestBearingRef
0018:GPSDestBearing 0019:GPSDestDistanceRef 001a:GPSDestDistance 001b:GPSProcessingMethod 001c:GPSAreaInformation
001d:GPSDateStamp 001e:GPSDifferential 001f:GPSHPositioningError
"""
_INTEROP = """
0001:InteropIndex 0002:InteropVersion 1000:RelatedImageFileFormat 1001:RelatedImageWidth 1002:RelatedImageHeight
"""
ALIASES: dict[str, str] = {
    "ImageLength": "ImageHeight", "DateTime": "ModifyDate", "SubIFDs": "SubIFD", "DateTimeDigitized": "CreateDate",
    "PhotographicSensitivity": "ISO", "ISOSpeedRatings": "ISO", "ExposureBiasValue": "ExposureCompensation",
    "PixelXDimension": "ExifImageWidth", "PixelYDimension": "ExifImageHeight", "CameraOwnerName": "OwnerName",
    "FocalLengthIn35mmFilm": "FocalLengthIn35mmFormat", "BodySerialNumber": "SerialNumber",
    "LensSpecification": "LensInfo", "ExifIFDPointer": "ExifOffset", "GPSInfoIFDPointer": "GPSInfo",
    "InteroperabilityIFDPointer": "InteropOffset", "InteroperabilityIndex": "InteropIndex",
    "JPEGInterchangeFormat": "ThumbnailOffset", "JPEGInterchangeFormatLength": "ThumbnailLength",
    "Temperature": "AmbientTemperature", "XMP": "ApplicationNotes", "IPTC": "IPTC-NAA",
    "NewSubfileType": "SubfileType",
}  # fmt: skip
"""The specifications' names of tags that ExifTool calls otherwise."""

EXIF, GPS, INTEROP, MAKER_NOTE, SUB_IFDS = 0x8769, 0x8825, 0xA005, 0x927C, 0x014A
ORIENTATION, MAKE, MODEL, XMP, IPTC, PHOTOSHOP, ICC = 0x0112, 0x010F, 0x0110, 0x02BC, 0x83BB, 0x8649, 0x8773
THUMBNAIL_START, THUMBNAIL_SIZE, COLOUR_SPACE = 0x0201, 0x0202, 0xA001
POINTERS: dict[int, str] = {EXIF: "ExifIFD", GPS: "GPS", INTEROP: "InteropIFD", SUB_IFDS: "SubIFD"}
"""Tags that lead to directories, and how ExifTool calls those."""

DATA: dict[int, int] = {0x0111: 0x0117, 0x0144: 0x0145, THUMBNAIL_START: THUMBNAIL_SIZE}
"""Tags that hold the offsets of data, with the tag that holds their sizes: strips, tiles, thumbnail."""

_PLACE = frozenset((0x830E, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1, 0xA480, GPS))
"""GeoTIFF's tags, which lay a picture on the map, GDAL's notes, which may name the place, and the GPS directory."""

_CAMERA = frozenset((
    MAKE, MODEL, MAKER_NOTE, 0x0131, 0x013C, 0x827D, 0xA420, 0xA430, 0xA431, 0xA432, 0xA433, 0xA434, 0xA435, 0xA439,
    0xC614, 0xC615, 0xC62F, 0xC630, 0xC634, 0xC65D, 0xC7A1, 0xC4A5,
))  # fmt: skip
"""What tells the device and its owner: make, model, serial numbers, lens, owner, firmware, maker notes."""

_STRUCTURE = frozenset((
    *range(0x00FE, 0x0104), *range(0x0106, 0x010D), 0x0111, ORIENTATION, *range(0x0115, 0x011D), *range(0x0120, 0x0129),
    0x012D, 0x013D, 0x013E, 0x013F, *range(0x0140, 0x0151), *range(0x0152, 0x015C), 0x015F, *range(0x0190, 0x0196),
    0x01B1, 0x01B2, 0x01B3, 0x01B5, *range(0x0200, 0x0216), 0x022F, *range(0x80E3, 0x80E7), 0x828D, 0x828E, ICC,
    *range(0xC612, 0xC7EF), *range(0xCD2D, 0xCD3C), 0xA481,
))  # fmt: skip
"""What a TIFF or DNG needs to be decoded and shown in its colours; what a camera's name hides among them goes."""

_TELLTALE = frozenset((0xC614, 0xC615, 0xC62F, 0xC630, 0xC634, 0xC65D, 0xC68B, 0xC68C, 0xC71B, 0xC789, 0xC7A1))


def _table(text: str) -> dict[int, str]:
    pairs = (item.split(":") for item in text.split())
    return {int(number, 16): name for number, name in pairs}


@functools.cache
def names(directory: str) -> Mapping[int, str]:
    """Return the names of a directory's tags, by number."""
    return _table({"GPS": _GPS, "InteropIFD": _INTEROP}.get(directory, _IMAGE))


def name(directory: str, tag: int) -> str:
    """Return a tag's name; one that has none is `Exif_0x1234`, as ExifTool has it."""
    return names(directory).get(tag) or f"{'GPS' if directory == 'GPS' else 'Exif'}_0x{tag:04x}"


@functools.cache
def known() -> Mapping[str, str]:
    """Return all names a job may use, in lower case, with the names they stand for."""
    plain = {one for directory in ("IFD0", "GPS", "InteropIFD") for one in names(directory).values()}
    return {one.lower(): one for one in sorted({*plain, "Thumbnail"})} | {
        short.lower(): long for short, long in ALIASES.items()
    }


def group(directory: str, tag: int) -> Group:
    """Return what a tag tells."""
    if directory == "GPS" or tag in _PLACE:
        return "gps"
    if directory == "IFD1":
        return "thumbnail"
    return "camera" if tag in _CAMERA and directory != "InteropIFD" else ""


def is_structure(tag: int) -> bool:
    """Return whether a TIFF file needs a tag to be decoded and shown right."""
    return tag in _STRUCTURE and tag not in _TELLTALE
