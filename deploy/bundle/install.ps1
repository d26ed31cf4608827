<#
.SYNOPSIS
Installs Cekalwatch, or a newer version of it, on a PC with Windows: from this bundle alone, without a network.

.DESCRIPTION
Checks the bundle's files against SHA256SUMS (whether that list is genuine, minisign has to say before), makes an
environment of the bundle's wheels below Program Files, enrols the PC by its invitation, and has Windows start the
program: on officers' PCs at each sign-in of an officer, on capture hosts at start-up. It can be run again at any time;
settings, keys and what waits for the server stay. docs\installing-offline.md has each step.

.PARAMETER Machine
notifier: an officer's PC. camera: a capture host.

.PARAMETER Invitation
File with the invitation of this PC, or of one more camera. Without it, nothing is enrolled.

.PARAMETER Source
Address of the camera that is enrolled: rtsp://..., or the number of a USB camera.

.PARAMETER Officers
Account or group whose members work at this PC, such as OFFICE\officers. They alone, and administrators, can use its key.

.PARAMETER Python
A python.exe of version 3.13 to use in place of the one that is installed for all users.

.PARAMETER PythonHash
SHA-256 of Python's installer beside this script, where SHA256SUMS does not name that file.

.PARAMETER Remove
Removes the program. Settings, keys and what waits for the server stay, and it says where.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File windows\install.ps1 notifier -Officers OFFICE\officers -Invitation D:\counter-d1.invitation

.EXAMPLE
powershell -ExecutionPolicy Bypass -File windows\install.ps1 camera -Invitation D:\departure-1.invitation -Source rtsp://10.0.0.7/1
#>
#Requires -Version 5.1
#Requires -RunAsAdministrator
[CmdletBinding(DefaultParameterSetName = 'Install')]
param(
    [Parameter(Mandatory = $true, Position = 0)] [ValidateSet('notifier', 'camera')] [string] $Machine,
    [Parameter(ParameterSetName = 'Install')] [string] $Invitation = '',
    [Parameter(ParameterSetName = 'Install')] [string] $Source = '',
    [Parameter(ParameterSetName = 'Install')] [string] $Officers = '',
    [Parameter(ParameterSetName = 'Install')] [string] $Python = '',
    [Parameter(ParameterSetName = 'Install')] [string] $PythonHash = '',
    [Parameter(Mandatory = $true, ParameterSetName = 'Remove')] [switch] $Remove
)
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# Names of accounts are translated in each language of Windows; their numbers are not.
$Administrators = 'S-1-5-32-544'
$System = 'S-1-5-18'
$LocalService = 'S-1-5-19'
$PythonVersion = '3.13'
$PythonMaker = 'O=Python Software Foundation'

$Bundle = Split-Path -Parent $PSScriptRoot
$Program = Join-Path ([Environment]::GetFolderPath('ProgramFiles')) "Cekalwatch\$Machine"
$Data = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'cekalwatch'
$Settings = Join-Path $Data "$Machine.toml"
$Keys = Join-Path $Data "tls\$Machine"
$Spool = Join-Path $Data 'camera'
$Models = Join-Path $Data 'models'
$Shortcut = Join-Path ([Environment]::GetFolderPath('CommonPrograms')) 'Cekalwatch.lnk'
$TaskFolder = '\Cekalwatch\'

function Invoke-Program([string] $File, [string[]] $Arguments) {
    & $File $Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        throw "$File $($Arguments[0]) ended with code $LASTEXITCODE; what it says is above."
    }
}

function Read-Sums {
    $sums = Join-Path $Bundle 'SHA256SUMS'
    if (-not (Test-Path -LiteralPath $sums -PathType Leaf)) {
        throw "$sums is missing. Copy it from the bundle, to where the folder windows is; nothing was installed."
    }
    return [IO.File]::ReadAllLines($sums)
}

function Test-Bundle {
    # What this PC gets is in the two folders; the others may have been left at the office.
    $checked = 0
    foreach ($line in Read-Sums) {
        $hash, $name = $line -split '  ', 2
        if ($name -notmatch '^(windows|models)/') { continue }
        $file = Join-Path $Bundle $name.Replace('/', '\')
        if (-not (Test-Path -LiteralPath $file -PathType Leaf)) {
            throw "$file is missing. Copy the bundle again; nothing was installed."
        }
        if ((Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -ne $hash) {
            throw "$file is not the file of SHA256SUMS. Copy the bundle again, or ask who gave it to you; nothing was installed."
        }
        $checked++
    }
    if ($checked -eq 0) { throw "SHA256SUMS names no file of the folder windows: this is no bundle for Windows." }
}

function Test-Listed([string] $Name) {
    foreach ($line in Read-Sums) {
        if (($line -split '  ', 2)[1] -eq "windows/$Name") { return $true }
    }
    return $false
}

function Find-Python {
    # One that a single account installed is not there for the others.
    $key = "HKLM:\SOFTWARE\Python\PythonCore\$PythonVersion\InstallPath"
    if (-not (Test-Path -LiteralPath $key)) { return '' }
    $found = Join-Path (Get-ItemProperty -LiteralPath $key).'(default)' 'python.exe'
    if (Test-Path -LiteralPath $found -PathType Leaf) { return $found }
    return ''
}

function Install-Python {
    $pattern = "python-$PythonVersion.*-amd64.exe"
    $installers = @(Get-ChildItem -LiteralPath $PSScriptRoot -Filter $pattern)
    if ($installers.Count -ne 1) {
        throw "Python $PythonVersion (64 bit) is not installed for all users, and $PSScriptRoot has no single $pattern. Get that file from python.org, put it there, and run this again."
    }
    $installer = $installers[0].FullName
    $hash = (Get-FileHash -LiteralPath $installer -Algorithm SHA256).Hash
    if (-not (Test-Listed $installers[0].Name) -and $hash -ne $PythonHash) {
        throw "SHA256SUMS does not name $installer. Compare its SHA-256, $hash, with that on python.org's page of the release, and if it is the same run this again with -PythonHash $hash"
    }
    $signature = Get-AuthenticodeSignature -LiteralPath $installer
    if ($signature.Status -ne 'Valid' -or $signature.SignerCertificate.Subject -notmatch $PythonMaker) {
        throw "Windows does not find $installer signed by the Python Software Foundation, and says: $($signature.StatusMessage) Get it again from python.org."
    }
    Write-Host "Installing Python from $installer"
    $options = '/quiet', 'InstallAllUsers=1', 'PrependPath=0', 'Include_test=0', 'Include_doc=0', 'Include_tcltk=0', 'Shortcuts=0'
    $done = Start-Process -FilePath $installer -ArgumentList $options -Wait -PassThru
    if ($done.ExitCode -ne 0 -and $done.ExitCode -ne 3010) { throw "$installer ended with code $($done.ExitCode)." }
    $found = Find-Python
    if ($found -eq '') { throw "$installer ended well, and Python $PythonVersion is not there: start Windows again, and run this again." }
    return $found
}

function Get-Python {
    $found = if ($Python -ne '') { $Python } else { Find-Python }
    if ($found -eq '') { $found = Install-Python }
    # Others than its owner could not start it, and its owner could change what they run.
    if ($found -like "$([Environment]::GetFolderPath('UserProfile'))\*") {
        throw "$found is there for one account only: install Python $PythonVersion for all users."
    }
    $told = & $found -I -c 'import platform, struct; print(*platform.python_version_tuple()[:2], struct.calcsize(chr(80)) * 8)'
    if ($LASTEXITCODE -ne 0 -or $told -ne "$($PythonVersion.Replace('.', ' ')) 64") {
        throw "$found is not Python $PythonVersion for 64 bit, for which the wheels are."
    }
    return $found
}

function Protect-Data {
    if (Test-Path -LiteralPath $Data) {
        # Everybody may make folders there: who made this one could have put settings of theirs into it.
        $owner = (Get-Acl -LiteralPath $Data).GetOwner([Security.Principal.SecurityIdentifier]).Value
        if ($owner -ne $Administrators -and $owner -ne $System) {
            throw "$Data was not made by an administrator, but by $owner. Look what it is, remove it, and run this again."
        }
    }
    else {
        New-Item -ItemType Directory -Path $Data | Out-Null
        Invoke-Program icacls @($Data, '/setowner', "*$Administrators")
    }
    $full = "*${Administrators}:(OI)(CI)F", "*${System}:(OI)(CI)F"
    Invoke-Program icacls (@($Data, '/inheritance:r', '/grant:r') + $full)
}

function Grant-Access([string] $Account, [string] $Folder, [string] $Rights) {
    New-Item -ItemType Directory -Force -Path $Folder | Out-Null
    Invoke-Program icacls @($Folder, '/grant:r', "*${Account}:$Rights")
}

function Reset-Access([string] $Folder) {
    # What is in it gets the rights of the folder around it: Python keeps a private folder for who made it and for
    # administrators, also where a service has to read it, and who worked here before must not read it any longer.
    New-Item -ItemType Directory -Force -Path $Folder | Out-Null
    Invoke-Program icacls @($Folder, '/reset', '/T', '/Q')
}

function Get-Sid([string] $Account) {
    try { return ([Security.Principal.NTAccount] $Account).Translate([Security.Principal.SecurityIdentifier]).Value }
    catch { throw "Windows knows no account or group $Account. Name it as DOMAIN\name, or as PC\name." }
}

function Stop-Running {
    if (Get-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine -ErrorAction SilentlyContinue) {
        # A capture host's would be started again within a minute, from a program that is half there.
        Disable-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine | Out-Null
        Stop-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine
    }
    # Python runs as a child of these, and ends with them.
    Get-CimInstance Win32_Process | Where-Object { $_.ExecutablePath -like "$Program\*" } |
        ForEach-Object { Stop-Process -Id $_.ProcessId -Force -ErrorAction SilentlyContinue }
    Start-Sleep -Seconds 2
}

function Install-Program([string] $Interpreter) {
    $install = @('-I', '-m', 'pip', '--isolated', 'install', '--quiet', '--disable-pip-version-check', '--no-index', '--only-binary', ':all:')
    $install += @('--find-links', (Join-Path $PSScriptRoot 'wheels'), '--require-hashes')
    $install += @('--requirement', (Join-Path $PSScriptRoot "requirements-$Machine.txt"))
    # What is set on this PC for pip must not lead it elsewhere.
    $env:PIP_CONFIG_FILE = 'nul'
    Stop-Running
    if (Test-Path -LiteralPath $Program) { Remove-Item -LiteralPath $Program -Recurse -Force }
    Invoke-Program $Interpreter @('-I', '-m', 'venv', $Program)
    Invoke-Program (Join-Path $Program 'Scripts\python.exe') $install
}

function Copy-Models {
    $target = Join-Path $Models 'standard'
    if (Test-Path -LiteralPath $target) { Remove-Item -LiteralPath $target -Recurse -Force }
    New-Item -ItemType Directory -Force -Path $Models | Out-Null
    Copy-Item -LiteralPath (Join-Path $Bundle 'models\standard') -Destination $target -Recurse
}

function Register-Device {
    $arguments = @('init', '--invitation', $Invitation, '--config', $Settings, '--tls-dir', $Keys)
    if ($Machine -eq 'camera') { $arguments += @('--source', $Source) }
    Invoke-Program (Join-Path $Program "Scripts\cekalwatch-$Machine.exe") $arguments
    if ($Machine -eq 'camera') {
        # The service's account has folders of its own deep in Windows; captures wait where a technician finds them.
        $text = [IO.File]::ReadAllText($Settings)
        if ($text -notmatch '(?m)^spool_dir') {
            $own = "spool_dir = '$(Join-Path $Spool 'spool')'`nspool_key = '$(Join-Path $Spool 'spool.key')'`n"
            [IO.File]::WriteAllText($Settings, $own + $text, (New-Object Text.UTF8Encoding $false))
        }
    }
}

function Test-Person([string] $Sid) {
    $known = ([Security.Principal.SecurityIdentifier] $Sid).Translate([Security.Principal.NTAccount]).Value
    $domain, $name = $known.Replace("'", "\'") -split '\\', 2
    return @(Get-CimInstance Win32_UserAccount -Filter "Domain = '$domain' AND Name = '$name'").Count -gt 0
}

function Register-Notifier([string] $Sid) {
    # A task is for a group or for one account, and has to be told which.
    $who = if (Test-Person $Sid) { @{ UserId = $Sid; LogonType = 'Interactive' } } else { @{ GroupId = $Sid } }
    $windows = Join-Path $Program 'Scripts\pythonw.exe'
    $agent = '-I -m cekalwatch.notifier desktop --restart'
    $task = @{
        Action    = New-ScheduledTaskAction -Execute $windows -Argument $agent
        Trigger   = New-ScheduledTaskTrigger -AtLogOn
        Principal = New-ScheduledTaskPrincipal @who -RunLevel Limited
        Settings  = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances Parallel
    }
    Register-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine -Force @task | Out-Null
    $link = (New-Object -ComObject WScript.Shell).CreateShortcut($Shortcut)
    $link.TargetPath = $windows
    $link.Arguments = $agent
    $link.Save()
}

function Register-Camera {
    # A task that ended is started again by the second trigger within a minute; one that runs is left alone.
    $minute = New-TimeSpan -Minutes 1
    $task = @{
        Action    = New-ScheduledTaskAction -Execute (Join-Path $Program 'Scripts\python.exe') -Argument '-I -m cekalwatch.camera run'
        Trigger   = (New-ScheduledTaskTrigger -AtStartup), (New-ScheduledTaskTrigger -Once -At (Get-Date) -RepetitionInterval $minute)
        Principal = New-ScheduledTaskPrincipal -UserId $LocalService -LogonType ServiceAccount
        Settings  = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew
    }
    Register-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine -Force @task | Out-Null
    Start-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine
}

function Remove-Program {
    Stop-Running
    Get-ScheduledTask -TaskPath $TaskFolder -TaskName $Machine -ErrorAction SilentlyContinue | Unregister-ScheduledTask -Confirm:$false
    $made = @($Program)
    if ($Machine -eq 'notifier') { $made += $Shortcut } else { $made += $Models }
    foreach ($path in $made) {
        if (Test-Path -LiteralPath $path) { Remove-Item -LiteralPath $path -Recurse -Force }
    }
    Write-Host "Removed. Settings, keys and what waits for the server stay in ${Data}: delete that folder if this PC does not come back."
    Write-Host "Tell who runs the server, so that its certificate is revoked. Python stays."
}

if (-not [Environment]::Is64BitProcess) { throw 'This is the PowerShell for 32 bit: start the one for 64 bit.' }
if ($Remove) {
    Remove-Program
    exit 0
}
if ($Machine -eq 'notifier' -and $Officers -eq '') { throw 'Say who works at this PC: -Officers DOMAIN\group' }
if ($Machine -eq 'camera' -and $Invitation -ne '' -and $Source -eq '') { throw 'Say where the camera is: -Source rtsp://..., or the number of a USB camera' }
if ($Invitation -ne '' -and -not (Test-Path -LiteralPath $Invitation -PathType Leaf)) { throw "There is no invitation in $Invitation." }
$account = if ($Machine -eq 'notifier') { Get-Sid $Officers } else { $LocalService }

Write-Host 'Comparing the files with SHA256SUMS'
Test-Bundle
$interpreter = Get-Python
Protect-Data
Write-Host "Installing into $Program"
Install-Program $interpreter
Grant-Access $account $Data '(OI)(NP)R'
if ($Machine -eq 'camera') {
    Copy-Models
    Reset-Access $Models
    Grant-Access $account $Models '(OI)(CI)RX'
    Reset-Access $Spool
    Grant-Access $account $Spool '(OI)(CI)M'
}
if ($Invitation -ne '') { Register-Device }
Reset-Access $Keys
Grant-Access $account $Keys '(OI)(CI)RX'
if (-not (Test-Path -LiteralPath $Settings -PathType Leaf)) {
    Write-Host "Installed, and not set up yet: run this again with -Invitation FILE."
    exit 0
}
if ($Machine -eq 'notifier') { Register-Notifier $account } else { Register-Camera }
Write-Host "Done. To see whether all is in order: & '$(Join-Path $Program "Scripts\cekalwatch-$Machine.exe")' check"
